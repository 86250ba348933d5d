#include <algorithm>

#include "base/status.h"
#include "base/text.h"
#include "engine/engine.h"

namespace spot {
namespace {

const Backend& choose(std::span<const Backend> backends, const std::string& device) {
  if (device == "auto") {
    const auto best = std::max_element(backends.begin(), backends.end(),
                                       [](const Backend& a, const Backend& b) { return a.score < b.score; });
    if (best != backends.end() && best->score > 0) return *best;
    fail(Status::kUnsupported, "no engine of this build can be used on this machine");
  }
  const auto named =
      std::find_if(backends.begin(), backends.end(), [&](const Backend& backend) { return backend.name == device; });
  if (named == backends.end()) {
    fail(Status::kUnsupported, cat("this build has no engine for device '", device, "': use --device cpu or auto"));
  }
  if (named->score <= 0) {
    fail(Status::kUnsupported, cat("device '", device, "' cannot be used here: ", named->detail));
  }
  return *named;
}

}  // namespace

std::string precision_name(Precision precision) {
  switch (precision) {
    case Precision::kFloat32: return "fp32";
    case Precision::kTf32: return "tf32";
    case Precision::kBfloat16: return "bf16";
  }
  return "unknown";
}

void Engine::train_steps(std::span<const TrainingStep> steps, std::uint64_t first, std::span<StepMetrics> metrics) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    metrics[i] = train_step(steps[i].batch, first + i, steps[i].learning_rate);
  }
}

void Engine::read_tensor(const TensorSpec& tensor, std::span<float> values) const {
  std::vector<float> state(layout().size());
  read_state(state);
  std::copy_n(state.begin() + static_cast<std::ptrdiff_t>(tensor.offset), tensor.size, values.begin());
}

std::unique_ptr<Engine> create_engine(std::span<const Backend> backends, const std::string& device,
                                      const EngineSpec& spec, const Log& log) {
  const Backend& backend = choose(backends, device);
  log.info(cat("computing on ", backend.name, " (", backend.detail, ")"));
  for (const Backend& other : backends) {
    if (device != "auto" || other.score > 0) continue;
    // Most machines have no such device, and nobody asked for one.
    const std::string why = cat(other.name, " is not used: ", other.detail);
    if (other.score < 0) {
      log.info(why);
    } else {
      log.debug(why);
    }
  }
  return backend.create(spec, log);
}

}  // namespace spot
