#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "data/dataset.h"
#include "support/small_problem.h"
#include "support/temporary_directory.h"

// Fast mode against exact mode on keras-cnn: rounding may differ, training may not.

using namespace spot;
using small_problem::distance, small_problem::start_state, small_problem::state_of;

namespace {

const char* const kLayers = R"({"layers":[
    {"type":"conv2d","filters":32,"kernel":3},{"type":"relu"},{"type":"conv2d","filters":64,"kernel":3},
    {"type":"relu"},{"type":"max_pool","kernel":2},{"type":"dropout","rate":0.25},{"type":"flatten"},
    {"type":"dense","units":128},{"type":"relu"},{"type":"dropout","rate":0.5},{"type":"dense","units":10}]})";
constexpr std::uint32_t kBatch = 128;
constexpr std::uint32_t kSteps = 5;

/// MNIST where SPOT_TEST_MNIST names it, else digits drawn by program, without their noise.
struct Digits {
  std::vector<std::uint8_t> images, labels;

  Digits() {
    const test::TemporaryDirectory cache;
    const char* folder = std::getenv("SPOT_TEST_MNIST");
    DatasetRequest request;
    request.name = folder != nullptr ? folder : "synthetic";
    request.cache_directory = cache.path();
    request.synthetic_train = kBatch * kSteps;
    request.synthetic_test = kBatch;
    const Dataset dataset = open_dataset(request, nullptr, Log());
    const ImageSet set = dataset.train.part(0, kBatch * kSteps);
    images.assign(set.images.begin(), set.images.end());
    labels.assign(set.labels.begin(), set.labels.end());
    if (folder == nullptr)
      std::replace_if(
          images.begin(), images.end(), [](auto pixel) { return pixel < 40; }, 0);
  }
};

EngineSpec spec_of(Mode mode, const OptimizerSpec& optimizer, int threads = 2) {
  EngineSpec spec;
  spec.model = parse_model(kLayers, "keras-cnn", {1, 28, 28}, 10);
  spec.optimizer = optimizer;
  spec.batch_size = kBatch;
  spec.threads = threads;
  spec.mode = mode;
  return spec;
}

float rate_of(const OptimizerSpec& optimizer) {
  return optimizer.kind == OptimizerKind::kAdadelta ? 1.0F : optimizer.kind == OptimizerKind::kAdam ? 1e-3F : 1e-2F;
}

void train(Engine& engine, const OptimizerSpec& optimizer, std::uint64_t first, std::uint64_t end) {
  std::vector<std::uint32_t> indices(kBatch);
  for (std::uint64_t step = first; step < end; ++step) {
    std::iota(indices.begin(), indices.end(), static_cast<std::uint32_t>(step) * kBatch);
    static const Digits digits;
    engine.train_step({digits.images.data(), digits.labels.data(), indices}, step, rate_of(optimizer));
  }
}

std::vector<float> trained(const EngineSpec& spec, bool random_biases) {
  const auto engine = create_cpu_engine(spec, Log());
  start_state(*engine, random_biases);
  train(*engine, spec.optimizer, 0, kSteps);
  return state_of(*engine);
}

const OptimizerKind kOptimizers[] = {OptimizerKind::kSgd, OptimizerKind::kAdam, OptimizerKind::kAdadelta};

}  // namespace

TEST_CASE("five steps of fast mode end where those of exact mode do") {
  for (const OptimizerKind kind : kOptimizers) {
    for (const bool random_biases : {false, true}) {
      CAPTURE(static_cast<int>(kind));
      CAPTURE(random_biases);
      const EngineSpec exact = spec_of(Mode::kExact, {.kind = kind}), fast = spec_of(Mode::kFast, {.kind = kind});
      const double drift = distance(make_layout(exact.model, exact.optimizer), trained(fast, random_biases),
                                    trained(exact, random_biases));
      const std::string biases = random_biases ? "random" : "zero";
      MESSAGE("optimizer ", static_cast<int>(kind), ", biases ", biases, ": ", drift);
      CHECK(drift <= 1e-5);
      CHECK(drift > 0);  // it did compute otherwise
    }
  }
}

TEST_CASE("the number of threads changes no bit in fast mode") {
  const OptimizerSpec adam = {.kind = OptimizerKind::kAdam};
  const std::vector<float> one = trained(spec_of(Mode::kFast, adam, 1), false);
  CHECK(one == trained(spec_of(Mode::kFast, adam, 2), false));
  CHECK(one == trained(spec_of(Mode::kFast, adam, 4), false));
}

TEST_CASE("a state that was read and written back trains on in fast mode to the same bits") {
  const OptimizerSpec adam = {.kind = OptimizerKind::kAdam};
  const EngineSpec spec = spec_of(Mode::kFast, adam);
  const auto first = create_cpu_engine(spec, Log()), second = create_cpu_engine(spec, Log());
  train(*first, adam, 0, 2);
  second->write_state(state_of(*first));
  train(*first, adam, 2, kSteps);
  train(*second, adam, 2, kSteps);
  CHECK(state_of(*first) == state_of(*second));
}
