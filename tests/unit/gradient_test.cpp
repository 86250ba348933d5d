#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "engine/cpu/cpu_engine.h"
#include "support/reference_network.h"
#include "support/small_problem.h"

using namespace spot;
using small_problem::Problem, small_problem::spec_of, small_problem::start_state;

namespace {

void check_gradients(const Problem& problem, bool random_biases, Mode mode = Mode::kExact) {
  CAPTURE(random_biases);
  EngineSpec spec = spec_of(problem, {});
  spec.mode = mode;
  const auto engine = create_cpu_engine(spec, Log());
  const std::vector<float> start = start_state(*engine, random_biases);
  const std::vector<double> state(start.begin(), start.end());
  constexpr std::uint64_t kStep = 11;
  const StepMetrics metrics = engine->train_step(problem.view(), kStep, 0.0F);
  const StateLayout& layout = engine->layout();
  CHECK(metrics.loss ==
        doctest::Approx(reference::training_loss(problem.model, layout, state, problem.batch, 7, kStep)).epsilon(1e-5));
  std::vector<float> gradients(layout.parameter_count());
  engine->read_gradients(gradients);
  double squares = 0;
  for (const float g : gradients) squares += double{g} * g;
  CHECK(metrics.gradient_norm == doctest::Approx(std::sqrt(squares)).epsilon(1e-6));

  // Gradients differ in size by orders of magnitude, and some are zero by design (a bias before batch
  // normalisation): errors are measured against the tensor's largest, or a hundredth of all together.
  int kinks = 0, compared = 0;
  for (const TensorSpec& tensor : layout.tensors()) {
    if (tensor.role != TensorRole::kParameter) continue;
    double largest = 0;
    for (std::size_t i = 0; i < tensor.size; ++i) {
      largest = std::max(largest, double{std::abs(gradients[tensor.offset + i])});
    }
    const std::size_t stride = std::max<std::size_t>(1, tensor.size / 23);
    for (std::size_t i = 0; i < tensor.size; i += stride) {
      const double expected =
          reference::difference_quotient(problem.model, layout, state, tensor.offset + i, problem.batch, 7, kStep);
      if (std::isnan(expected)) {
        ++kinks;
        continue;
      }
      ++compared;
      CAPTURE(tensor.name);
      CAPTURE(i);
      CHECK(double{gradients[tensor.offset + i]} ==
            doctest::Approx(expected).scale(std::max(largest, 0.01 * metrics.gradient_norm)).epsilon(2e-4));
    }
  }
  CHECK(compared > 4 * kinks);
}

void check_both(const std::string& layers, Shape3 input, std::uint32_t samples, Mode mode = Mode::kExact) {
  const Problem problem(layers, input, samples);
  check_gradients(problem, false, mode);
  check_gradients(problem, true, mode);
}

const std::string kHead = R"(,{"type":"flatten"},{"type":"dense","units":5})";

}  // namespace

TEST_CASE("gradients of dense layers agree with finite differences") {
  check_both(R"({"type":"flatten"},{"type":"dense","units":13},{"type":"relu"},{"type":"dense","units":5})", {1, 4, 5},
             10);
}

TEST_CASE("gradients of convolutions agree, whatever kernel, stride, padding and channels") {
  check_both(R"({"type":"conv2d","filters":16,"kernel":3})" + kHead, {1, 8, 8}, 6);
  check_both(R"({"type":"conv2d","filters":6,"kernel":5,"padding":2},{"type":"relu"},
                {"type":"conv2d","filters":7,"kernel":[3,2],"stride":[2,1]})" +
                 kHead,
             {1, 9, 10}, 5);
  check_both(R"({"type":"conv2d","filters":3,"kernel":3,"padding":"same","stride":2},{"type":"relu"},
                {"type":"conv2d","filters":17,"kernel":1},{"type":"relu"})" +
                 kHead,
             {1, 7, 8}, 4);
}

TEST_CASE("gradients agree on images of several channels, of bytes and of floats") {
  const std::string networks[] = {
      R"({"type":"conv2d","filters":16,"kernel":3},{"type":"relu"},{"type":"max_pool","kernel":2},
         {"type":"conv2d","filters":16,"kernel":3},{"type":"relu"})",
      R"({"type":"conv2d","filters":6,"kernel":5,"padding":2},{"type":"max_pool","kernel":2},{"type":"relu"})",
      R"({"type":"conv2d","filters":12,"kernel":3,"stride":2},{"type":"relu"})",
      R"({"type":"conv2d","filters":5,"kernel":[2,3]},{"type":"batch_norm"},{"type":"relu"})",
      R"({"type":"average_pool","kernel":2})"};
  for (const std::string& network : networks) {
    CAPTURE(network);
    for (const std::int64_t channels : {1, 3, 6}) {
      CAPTURE(channels);
      Problem problem(network + kHead, {channels, 9, 10}, 5);
      if (channels != 1) check_gradients(problem, true);
      problem.take_floats();
      check_gradients(problem, true);
    }
  }
}

TEST_CASE("gradients of pools agree, overlapping and padded ones too") {
  check_both(R"({"type":"conv2d","filters":16,"kernel":3},{"type":"relu"},{"type":"max_pool","kernel":2})" + kHead,
             {1, 8, 8}, 6);
  check_both(R"({"type":"conv2d","filters":5,"kernel":3},
                {"type":"max_pool","kernel":3,"stride":2,"padding":1},{"type":"relu"})" +
                 kHead,
             {1, 9, 9}, 5);
  check_both(R"({"type":"conv2d","filters":6,"kernel":3},{"type":"relu"},
                {"type":"average_pool","kernel":3,"stride":2,"padding":1})" +
                 kHead,
             {1, 9, 9}, 5);
}

TEST_CASE("gradients of fused blocks of convolution, ReLU and pool agree") {
  check_both(R"({"type":"conv2d","filters":16,"kernel":3},{"type":"relu"},{"type":"conv2d","filters":16,"kernel":3},
                {"type":"relu"},{"type":"max_pool","kernel":2},{"type":"dropout","rate":0.25})" +
                 kHead,
             {1, 10, 9}, 6);
  check_both(R"({"type":"conv2d","filters":7,"kernel":5,"padding":2},{"type":"max_pool","kernel":2},{"type":"relu"},
                {"type":"conv2d","filters":18,"kernel":5,"padding":"same"},{"type":"relu"},
                {"type":"max_pool","kernel":2})" +
                 kHead,
             {1, 9, 11}, 5);
}

TEST_CASE("gradients agree in fast mode") {
  check_both(R"({"type":"conv2d","filters":16,"kernel":3},{"type":"relu"},{"type":"conv2d","filters":16,"kernel":3},
                {"type":"relu"},{"type":"max_pool","kernel":2},{"type":"dropout","rate":0.25})" +
                 kHead,
             {1, 13, 12}, 4, Mode::kFast);
  check_both(R"({"type":"conv2d","filters":7,"kernel":3,"padding":1},{"type":"max_pool","kernel":2},{"type":"relu"},
                {"type":"conv2d","filters":18,"kernel":3,"padding":"same"},{"type":"relu"},
                {"type":"max_pool","kernel":2})" +
                 kHead,
             {1, 17, 18}, 3, Mode::kFast);
  check_both(R"({"type":"conv2d","filters":5,"kernel":5},{"type":"relu"},{"type":"dropout","rate":0.2},
                {"type":"conv2d","filters":9,"kernel":3,"padding":[1,0,2,1]},{"type":"max_pool","kernel":2},
                {"type":"relu"})" +
                 kHead,
             {1, 13, 12}, 4, Mode::kFast);
}

TEST_CASE("gradients of a large dense layer agree, behind an image and behind a vector") {
  check_both(R"({"type":"conv2d","filters":16,"kernel":3},{"type":"relu"},{"type":"max_pool","kernel":2},
                {"type":"dropout","rate":0.25},{"type":"flatten"},{"type":"dense","units":16},{"type":"relu"},
                {"type":"dense","units":5})",
             {1, 14, 14}, 5);
  check_both(R"({"type":"flatten"},{"type":"dense","units":16},{"type":"relu"},{"type":"dense","units":5})",
             {1, 24, 24}, 7);
}

TEST_CASE("gradients through dropout agree: the masks are those of the contract") {
  check_both(R"({"type":"conv2d","filters":6,"kernel":3},{"type":"relu"},{"type":"dropout","rate":0.3},
                {"type":"flatten"},{"type":"dense","units":9},{"type":"relu"},{"type":"dropout","rate":0.5},
                {"type":"dense","units":5})",
             {1, 6, 7}, 7);
}

TEST_CASE("gradients of batch normalisation agree, over images and vectors") {
  check_both(R"({"type":"conv2d","filters":6,"kernel":3},{"type":"batch_norm"},{"type":"relu"},
                {"type":"max_pool","kernel":2})" +
                 kHead,
             {1, 8, 8}, 7);
  check_both(R"({"type":"flatten"},{"type":"dense","units":11},{"type":"batch_norm"},{"type":"relu"},
                {"type":"dense","units":5})",
             {1, 4, 4}, 8);
}

TEST_CASE("gradients of layers that stand on the image itself agree, however many channels it has") {
  for (const std::int64_t channels : {1, 3, 8}) {
    CAPTURE(channels);
    for (const char* layer : {R"({"type":"batch_norm"})", R"({"type":"relu"})", R"({"type":"dropout","rate":0.2})",
                              R"({"type":"max_pool","kernel":2})", R"({"type":"average_pool","kernel":2})"}) {
      CAPTURE(std::string(layer));
      check_both(layer + std::string(R"(,{"type":"conv2d","filters":5,"kernel":2})") + kHead, {channels, 6, 5}, 7);
      check_both(layer + kHead, {channels, 6, 5}, 7);
    }
  }
}

TEST_CASE("a batch smaller than the shards, and one that does not fill them, give the same gradients") {
  for (const std::uint32_t samples : {1U, 2U, 4U, 7U}) {
    CAPTURE(samples);
    check_gradients(Problem(R"({"type":"conv2d","filters":8,"kernel":3},{"type":"relu"})" + kHead, {1, 6, 6}, samples),
                    true);
  }
}

TEST_CASE("five steps of each optimizer agree with the same steps in double") {
  const Problem problem(R"({"type":"conv2d","filters":6,"kernel":3},{"type":"relu"},{"type":"max_pool","kernel":2},
      {"type":"flatten"},{"type":"dense","units":9},{"type":"relu"},{"type":"dense","units":5})",
                        {1, 8, 8}, 9);
  std::vector<OptimizerSpec> optimizers(7);
  optimizers[1] = {.kind = OptimizerKind::kSgd, .momentum = 0.9, .weight_decay = 1e-3};
  optimizers[2] = {.kind = OptimizerKind::kSgd, .momentum = 0.9, .nesterov = true};
  optimizers[3] = {.kind = OptimizerKind::kAdam, .weight_decay = 1e-3};
  optimizers[4] = {.kind = OptimizerKind::kAdamW, .weight_decay = 1e-2};
  optimizers[5] = {.kind = OptimizerKind::kAdadelta};
  optimizers[6] = {.kind = OptimizerKind::kRmsprop, .rho = 0.9, .epsilon = 1e-5};
  for (const OptimizerSpec& optimizer : optimizers) {
    CAPTURE(static_cast<int>(optimizer.kind));
    const auto engine = create_cpu_engine(spec_of(problem, optimizer), Log());
    const std::vector<float> start = start_state(*engine, true);
    std::vector<double> state(start.begin(), start.end());
    const StateLayout& layout = engine->layout();
    const float rate = optimizer.kind == OptimizerKind::kAdadelta ? 1.0F : 0.01F;
    std::vector<float> gradients(layout.parameter_count());
    for (std::uint64_t step = 0; step < 5; ++step) {
      engine->train_step(problem.view(), step, rate);
      engine->read_gradients(gradients);
      const std::vector<double> exact(gradients.begin(), gradients.end());
      reference::update(optimizer, layout, state, exact, step, double{rate});
    }
    std::vector<float> result(layout.size());
    engine->read_state(result);
    double worst = 0;
    for (const TensorSpec& tensor : layout.tensors()) {
      double largest = 1e-12;
      for (std::size_t i = 0; i < tensor.size; ++i) {
        largest = std::max(largest, std::abs(state[tensor.offset + i]));
      }
      for (std::size_t i = 0; i < tensor.size; ++i) {
        worst = std::max(worst, std::abs(result[tensor.offset + i] - state[tensor.offset + i]) / largest);
      }
    }
    CHECK(worst < 1e-4);
  }
}

TEST_CASE("the number of threads changes no bit, with and without batch normalisation") {
  for (const char* norm : {"", R"({"type":"batch_norm"},)"}) {
    const Problem problem(std::string(R"({"type":"conv2d","filters":6,"kernel":3},)") + norm +
                              R"({"type":"relu"},{"type":"max_pool","kernel":2},{"type":"dropout","rate":0.25},
            {"type":"flatten"},{"type":"dense","units":70},{"type":"relu"},{"type":"dense","units":5})",
                          {1, 12, 12}, 23);
    std::vector<std::string> hashes;
    for (const int threads : {1, 2, 4}) {
      const auto engine = create_cpu_engine(spec_of(problem, {.kind = OptimizerKind::kAdam}, threads), Log());
      for (std::uint64_t step = 0; step < 6; ++step) engine->train_step(problem.view(), step, 1e-2F);
      std::vector<float> state(engine->layout().size());
      engine->read_state(state);
      hashes.push_back(state_hash({&engine->layout(), state}, 6, 7).hex());
    }
    CHECK(hashes[0] == hashes[1]);
    CHECK(hashes[0] == hashes[2]);
  }
}

TEST_CASE("evaluation, prediction and profiling leave the state alone") {
  const Problem problem(R"({"type":"conv2d","filters":6,"kernel":3},{"type":"batch_norm"},{"type":"relu"})" + kHead,
                        {1, 6, 6}, 9);
  const auto engine = create_cpu_engine(spec_of(problem, {.kind = OptimizerKind::kAdam}), Log());
  engine->train_step(problem.view(), 0, 1e-2F);
  std::vector<float> before(engine->layout().size()), after(before.size());
  engine->read_state(before);
  std::vector<float> probabilities(9 * 5);
  const EvaluationMetrics metrics = engine->evaluate(problem.view());
  engine->predict(problem.view(), probabilities);
  engine->profile(problem.view(), 2);
  engine->read_state(after);
  CHECK(before == after);
  double loss = 0;
  for (std::size_t n = 0; n < 9; ++n) {
    double sum = 0;
    for (std::size_t c = 0; c < 5; ++c) sum += double{probabilities[n * 5 + c]};
    CHECK(sum == doctest::Approx(1).epsilon(1e-5));
    loss -= std::log(double{probabilities[n * 5 + problem.labels[n]]});
  }
  CHECK(metrics.loss_sum == doctest::Approx(loss).epsilon(1e-5));
}
