#include "session/inference.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/finite.h"
#include "base/status.h"
#include "base/text.h"
#include "session/options.h"
#include "session/state_fit.h"

namespace spot {
namespace {

EngineSpec inference_spec(const Checkpoint& checkpoint, const Config& config) {
  const std::string origin =
      checkpoint.meta.run_id.empty() ? "the model" : cat("the model of run '", printable(checkpoint.meta.run_id), "'");
  EngineSpec spec = engine_spec(config, parse_complete_model(checkpoint.meta.model_json, origin));
  spec.optimizer = {};  // without accumulators
  return spec;
}

}  // namespace

Inference::Inference(const Checkpoint& checkpoint, const Config& config, std::span<const Backend> backends,
                     const Log& log)
    : spec_(inference_spec(checkpoint, config)), engine_(create_engine(backends, config.text("device"), spec_, log)) {
  engine_->write_state(fit_state(checkpoint, engine_->layout()));
}

void Inference::read_state(std::span<float> values) const {
  const std::lock_guard lock(mutex_);
  engine_->read_state(values);
}

void Inference::read_tensor(const TensorSpec& tensor, std::span<float> values) const {
  const std::lock_guard lock(mutex_);
  engine_->read_tensor(tensor, values);
}

std::size_t Inference::count_of(std::size_t bytes, PixelType type) const {
  const Shape3& shape = spec_.model.input;
  const std::size_t image = static_cast<std::size_t>(shape.size()) * size_of(type);
  if (bytes % image == 0) return bytes / image;
  fail(Status::kInvalidArgument,
       cat("the images are ", bytes, " bytes, no multiple of the ", image, " of one: the model takes ", shape.height,
           " x ", shape.width, " x ", shape.channels, " (rows, columns, channels)"));
}

void Inference::predict(std::span<const std::uint8_t> images, std::span<float> probabilities, const StopCheck& stop,
                        PixelType type) {
  const auto classes = static_cast<std::size_t>(spec_.model.classes);
  const std::size_t count = count_of(images.size(), type), most = static_cast<std::size_t>(spec_.batch_size);
  if (count > probabilities.size() / classes) {
    fail(Status::kInvalidArgument, cat("there is room for ", probabilities.size(), " probabilities, where ", count,
                                       " images of ", classes, " classes have more"));
  }
  if (type == PixelType::kFloat32 && !all_finite(std::as_bytes(images))) {
    fail(Status::kData, "the images have a value that is infinite or no number");
  }
  const std::size_t image = count == 0 ? 0 : images.size() / count;
  std::vector<std::uint32_t> indices;
  for (std::size_t first = 0; first < count; first += most) {
    check_stop(stop, "predicting");
    indices.resize(std::min(most, count - first));
    std::iota(indices.begin(), indices.end(), 0U);
    const BatchView batch{images.data() + first * image, nullptr, indices, indices.size(), type};
    const std::lock_guard lock(mutex_);  // a batch at a time, so that nobody waits longer to be cancelled
    engine_->predict(batch, probabilities.subspan(first * classes, indices.size() * classes));
  }
}

}  // namespace spot
