#include "session/inference.h"

#include <algorithm>
#include <numeric>
#include <vector>

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
  if (spec.model.input.channels != 1) {
    fail(Status::kUnsupported, cat(origin, " takes images of ", spec.model.input.channels, " channels, not grey ones"));
  }
  spec.optimizer = {};  // without accumulators
  return spec;
}

}  // namespace

Inference::Inference(const Checkpoint& checkpoint, const Config& config, std::span<const Backend> backends,
                     const Log& log)
    : spec_(inference_spec(checkpoint, config)), engine_(create_engine(backends, config.text("device"), spec_, log)) {
  engine_->write_state(fit_state(checkpoint, engine_->layout()));
}

std::vector<float> Inference::read_state() const {
  const std::lock_guard lock(mutex_);
  std::vector<float> state(engine_->layout().size());
  engine_->read_state(state);
  return state;
}

void Inference::predict(std::span<const std::uint8_t> images, std::span<float> probabilities, const StopCheck& stop) {
  const std::lock_guard lock(mutex_);
  const auto pixels = static_cast<std::size_t>(spec_.model.input.size());
  const auto classes = static_cast<std::size_t>(spec_.model.classes);
  const std::size_t count = images.size() / pixels, most = static_cast<std::size_t>(spec_.batch_size);
  std::vector<std::uint32_t> indices;
  for (std::size_t first = 0; first < count; first += most) {
    check_stop(stop, "predicting");
    indices.resize(std::min(most, count - first));
    std::iota(indices.begin(), indices.end(), 0U);
    const BatchView batch{images.data() + first * pixels, nullptr, indices, indices.size()};
    engine_->predict(batch, probabilities.subspan(first * classes, indices.size() * classes));
  }
}

}  // namespace spot
