#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <hwy/targets.h>

#include "engine/cpu/kernels/instruction_set.h"
#include "support/small_problem.h"

// The fused operators against the general ones, which are oneDNN's.

using namespace spot;
using small_problem::distance, small_problem::Problem, small_problem::spec_of, small_problem::start_state;

namespace {

struct Result {
  std::vector<float> state, gradients;
  double loss = 0, evaluation_loss = 0;
  std::vector<OperatorTime> operators;
};

/// `steps` steps of the problem, the last one's gradients, and an evaluation.
Result run(const Problem& problem, EngineSpec spec, int steps, bool random_biases) {
  const auto engine = create_cpu_engine(spec, Log());
  Result result;
  result.state = start_state(*engine, random_biases);
  result.gradients.resize(engine->layout().parameter_count());
  for (int step = 0; step < steps; ++step) {
    result.loss = engine->train_step(problem.view(), static_cast<std::uint64_t>(step), 0.02F).loss;
  }
  engine->read_gradients(result.gradients);
  engine->read_state(result.state);
  result.evaluation_loss = engine->evaluate(problem.view()).loss_sum;
  result.operators = engine->profile(problem.view(), 1);
  return result;
}

bool has_operator(const Result& result, const std::string& layer, const std::string& words) {
  return std::any_of(result.operators.begin(), result.operators.end(), [&](const OperatorTime& time) {
    return time.layer == layer && time.implementation.find(words) != std::string::npos;
  });
}

struct Pattern {
  const char* layers;
  Shape3 input;
  std::uint32_t samples;
  const char* layer;           ///< one that must be fused
  const char* implementation;  ///< words of its operator
  bool winograd = false;       ///< its convolution is of 3 x 3, behind another
};

const char* const kWinners = "list of winners";
const char* const kZeros = "skips zeros";
const char* const kNoPool = "convolution and ReLU in one";

const Pattern kPatterns[] = {
    // keras-cnn, small.
    {R"({"type":"conv2d","filters":16,"kernel":3},{"type":"relu"},{"type":"conv2d","filters":32,"kernel":3},
        {"type":"relu"},{"type":"max_pool","kernel":2},{"type":"dropout","rate":0.25},{"type":"flatten"},
        {"type":"dense","units":64},{"type":"relu"},{"type":"dropout","rate":0.5},{"type":"dense","units":5})",
     {1, 14, 12},
     13,
     "conv2",
     kWinners,
     true},
    // Two blocks, kernels of 5 with padding, odd sizes, channels that fill no block, pool before ReLU.
    {R"({"type":"conv2d","filters":6,"kernel":5,"padding":2},{"type":"relu"},{"type":"max_pool","kernel":2},
        {"type":"conv2d","filters":20,"kernel":5,"padding":"same"},{"type":"max_pool","kernel":2},{"type":"relu"},
        {"type":"flatten"},{"type":"dense","units":5})",
     {1, 17, 19},
     11,
     "conv2",
     kWinners},
    // Many channels, uneven padding, a convolution of 1 x 1.
    {R"({"type":"conv2d","filters":24,"kernel":3,"padding":[1,0,2,1]},{"type":"relu"},
        {"type":"conv2d","filters":80,"kernel":3,"padding":"same"},{"type":"relu"},{"type":"max_pool","kernel":2},
        {"type":"conv2d","filters":16,"kernel":1},{"type":"relu"},{"type":"max_pool","kernel":2},
        {"type":"flatten"},{"type":"dense","units":5})",
     {1, 15, 14},
     7,
     "conv3",
     kWinners},
    // More output channels than one group of bits, no dropout, between general operators.
    {R"({"type":"conv2d","filters":16,"kernel":3,"stride":2},{"type":"relu"},
        {"type":"conv2d","filters":136,"kernel":3},{"type":"relu"},{"type":"max_pool","kernel":2},
        {"type":"conv2d","filters":8,"kernel":2},{"type":"relu"},{"type":"flatten"},{"type":"dense","units":5})",
     {1, 19, 19},
     9,
     "conv2",
     kWinners,
     true},
    // Dropout between the convolutions, batch normalisation behind the pool.
    {R"({"type":"conv2d","filters":16,"kernel":5},{"type":"relu"},{"type":"dropout","rate":0.2},
        {"type":"conv2d","filters":16,"kernel":3},{"type":"relu"},{"type":"max_pool","kernel":2},
        {"type":"batch_norm"},{"type":"flatten"},{"type":"dense","units":5})",
     {1, 16, 16},
     10,
     "conv2",
     kWinners,
     true},
    // The image's own block, direct: several channels, kernels of 3 and 5, padding, a pool that leaves a row over, and
    // what stands behind it: a convolution that knows the background, a dense layer, a dropout.
    {R"({"type":"conv2d","filters":24,"kernel":5,"padding":[2,1,0,2]},{"type":"max_pool","kernel":2},{"type":"relu"},
        {"type":"conv2d","filters":32,"kernel":3},{"type":"relu"},{"type":"max_pool","kernel":2},
        {"type":"flatten"},{"type":"dense","units":5})",
     {3, 17, 18},
     12,
     "conv1",
     "direct, by winners"},
    {R"({"type":"conv2d","filters":16,"kernel":3},{"type":"relu"},{"type":"max_pool","kernel":2},
        {"type":"dropout","rate":0.2},{"type":"conv2d","filters":16,"kernel":3,"padding":"same"},{"type":"relu"},
        {"type":"max_pool","kernel":2},{"type":"flatten"},{"type":"dense","units":5})",
     {1, 21, 16},
     9,
     "conv1",
     "direct, by winners"},
    {R"({"type":"conv2d","filters":16,"kernel":5},{"type":"relu"},{"type":"max_pool","kernel":2},{"type":"flatten"},
        {"type":"dense","units":32},{"type":"relu"},{"type":"dense","units":5})",
     {1, 20, 22},
     10,
     "conv1",
     "direct, by winners"},
    // An image unfolded, for a kernel that has no code of its own.
    {R"({"type":"conv2d","filters":12,"kernel":7,"padding":1},{"type":"relu"},{"type":"max_pool","kernel":2},
        {"type":"flatten"},{"type":"dense","units":5})",
     {2, 16, 19},
     8,
     "conv1",
     "unfolded image"},
    // No pool of two: odd sizes, strides, more channels than one group of bits, kernels of 1, 3 and 5, dropouts, and
    // what
    // stands behind: an average, a pool of three, a dense layer.
    {R"({"type":"conv2d","filters":16,"kernel":3,"stride":2},{"type":"relu"},{"type":"conv2d","filters":24,"kernel":3},
        {"type":"relu"},{"type":"average_pool","kernel":2},{"type":"flatten"},{"type":"dense","units":5})",
     {1, 17, 23},
     9,
     "conv2",
     kNoPool},
    {R"({"type":"conv2d","filters":16,"kernel":3},{"type":"relu"},{"type":"conv2d","filters":72,"kernel":5,"padding":"same"},
        {"type":"relu"},{"type":"dropout","rate":0.2},{"type":"conv2d","filters":32,"kernel":1},{"type":"relu"},
        {"type":"flatten"},{"type":"dense","units":5})",
     {2, 11, 9},
     7,
     "conv3",
     kNoPool},
    {R"({"type":"conv2d","filters":12,"kernel":5,"stride":2,"padding":2},{"type":"relu"},{"type":"dropout","rate":0.2},
        {"type":"conv2d","filters":20,"kernel":3,"padding":[1,0,1,2]},{"type":"relu"},
        {"type":"max_pool","kernel":3,"stride":2},{"type":"batch_norm"},{"type":"flatten"},{"type":"dense","units":5})",
     {3, 18, 21},
     10,
     "conv2",
     kNoPool},
    // Dense layers alone.
    {R"({"type":"flatten"},{"type":"dense","units":48},{"type":"relu"},{"type":"dropout","rate":0.3},
        {"type":"dense","units":5})",
     {1, 28, 28},
     21,
     "dense1",
     kZeros},
    {R"({"type":"flatten"},{"type":"dense","units":512},{"type":"dense","units":144},{"type":"relu"},
        {"type":"dense","units":5})",
     {1, 5, 5},
     6,
     "dense2",
     kZeros},
};

constexpr Mode kModes[] = {Mode::kExact, Mode::kFast};

/// A problem whose images are mostly background.
Problem make_problem(const Pattern& pattern, std::uint32_t samples) {
  Problem problem(pattern.layers, pattern.input, samples);
  const auto width = static_cast<std::size_t>(pattern.input.width);
  const auto channels = static_cast<std::size_t>(pattern.input.channels);
  for (std::size_t i = 0; i < problem.images.size(); ++i) {
    const std::size_t column = i / channels % width,
                      row = i / channels / width % static_cast<std::size_t>(pattern.input.height);
    if (row < 7 || column > width / 2) problem.images[i] = 0;
  }
  return problem;
}

}  // namespace

TEST_CASE("fused operators agree with the general ones, whatever shape, batch and neighbours") {
  REQUIRE(kernels::usable());
  for (const Pattern& pattern : kPatterns) {
    for (const std::uint32_t samples : {pattern.samples, 1U}) {
      for (const bool random_biases : {false, true}) {
        CAPTURE(std::string(pattern.layers));
        CAPTURE(samples);
        CAPTURE(random_biases);
        const Problem problem = make_problem(pattern, samples);
        EngineSpec spec = spec_of(problem, {});
        const StateLayout layout = make_layout(spec.model, spec.optimizer);
        spec.kernels = Kernels::kGeneral;
        const Result general = run(problem, spec, 1, random_biases);
        CHECK_FALSE(has_operator(general, pattern.layer, pattern.implementation));
        spec.kernels = Kernels::kAuto;
        for (const Mode mode : kModes) {
          CAPTURE(static_cast<int>(mode));
          spec.mode = mode;
          const Result fused = run(problem, spec, 1, random_biases);
          CHECK(has_operator(fused, pattern.layer, pattern.implementation));
          if (mode == Mode::kFast && pattern.winograd) CHECK(has_operator(fused, pattern.layer, "Winograd"));
          CHECK(distance(layout, fused.gradients, general.gradients) < 2e-6);
          CHECK(fused.loss == doctest::Approx(general.loss).epsilon(1e-6));
          CHECK(fused.evaluation_loss == doctest::Approx(general.evaluation_loss).epsilon(1e-5));
        }
      }
    }
  }
}

TEST_CASE("a smaller batch after a larger one leaves nothing of it behind") {
  for (const Pattern& pattern : kPatterns) {
    CAPTURE(std::string(pattern.layers));
    const Problem problem = make_problem(pattern, pattern.samples);
    EngineSpec spec = spec_of(problem, {});
    const BatchView whole = problem.view();
    const BatchView part = {whole.images, whole.labels, whole.indices.first(std::max(1U, pattern.samples / 2))};
    for (const Mode mode : kModes) {
      spec.mode = mode;
      std::vector<float> fresh, used;
      for (const bool larger_first : {false, true}) {
        const auto engine = create_cpu_engine(spec, Log());
        if (larger_first) engine->train_step(whole, 0, 0.0F);
        engine->train_step(part, 1, 0.0F);
        std::vector<float>& gradients = larger_first ? used : fresh;
        gradients.resize(engine->layout().parameter_count());
        engine->read_gradients(gradients);
      }
      CHECK(fresh == used);
    }
  }
}

TEST_CASE("the number of threads changes no bit of a fused network") {
  for (const Pattern& pattern : kPatterns) {
    CAPTURE(std::string(pattern.layers));
    const Problem problem = make_problem(pattern, pattern.samples);
    for (const Mode mode : kModes) {
      std::vector<std::vector<float>> states;
      for (const int threads : {1, 2, 4}) {
        EngineSpec spec = spec_of(problem, {.kind = OptimizerKind::kAdam}, threads);
        spec.mode = mode;
        states.push_back(run(problem, spec, 4, true).state);
      }
      CHECK(states[0] == states[1]);
      CHECK(states[0] == states[2]);
    }
  }
}

TEST_CASE("every instruction set gives the same bits, as far as the kernels are ours") {
  const std::int64_t best = hwy::SupportedTargets();
  for (const Pattern& pattern : kPatterns) {
    CAPTURE(std::string(pattern.layers));
    const Problem problem = make_problem(pattern, pattern.samples);
    std::vector<std::vector<float>> states[2];  // by mode
    for (const std::int64_t target : {std::int64_t{HWY_AVX3}, std::int64_t{HWY_AVX2}, std::int64_t{HWY_NEON}}) {
      if ((best & target) == 0) continue;
      hwy::SetSupportedTargetsForTest(target);
      hwy::GetChosenTarget().Update(target);
      CAPTURE(std::string(kernels::target_name()));
      for (const Mode mode : kModes) {
        EngineSpec spec = spec_of(problem, {.kind = OptimizerKind::kAdam});
        spec.mode = mode;
        std::vector<std::vector<float>>& of_mode = states[static_cast<std::size_t>(mode)];
        of_mode.push_back(run(problem, spec, 4, true).state);
        CHECK(of_mode.back() == of_mode.front());
      }
    }
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().DeInit();
  }
}

TEST_CASE("reading and writing the state are each other's inverse, whatever order an operator stores it in") {
  const Problem problem = make_problem(kPatterns[0], kPatterns[0].samples);
  const auto engine = create_cpu_engine(spec_of(problem, {.kind = OptimizerKind::kAdam}), Log());
  std::vector<float> state(engine->layout().size()), read(state.size());
  for (std::size_t i = 0; i < state.size(); ++i) state[i] = static_cast<float>(i);
  engine->write_state(state);
  engine->read_state(read);
  CHECK(state == read);
}
