#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "base/status.h"
#include "support/cuda_run.h"
#include "support/reference_network.h"
#include "support/small_problem.h"

// The GPU engine on a card that the host plays: all of it but the card.

using namespace spot;
using cuda_run::make_engine, cuda_run::Run, cuda_run::values_of;
using small_problem::Problem, small_problem::distance, small_problem::spec_of, small_problem::start_state,
    small_problem::state_of;

namespace {

EngineSpec general(EngineSpec spec) {
  spec.kernels = Kernels::kGeneral;
  return spec;
}

std::vector<float> gradients_of(const Engine& engine) {
  std::vector<float> gradients(engine.layout().parameter_count());
  engine.read_gradients(gradients);
  return gradients;
}

const std::string kHead = R"({"type":"flatten"},{"type":"dense","units":5})";

Problem preset_problem(const std::string& name, std::uint32_t samples) {
  Problem problem(R"({"type":"flatten"},{"type":"dense","units":10})", {1, 28, 28}, samples, 10);
  problem.model = preset_model(name, {1, 28, 28}, 10);
  return problem;
}

struct Network {
  std::string layers;
  Shape3 input;
  std::uint32_t samples;
};

const Network kNetworks[] = {
    {R"({"type":"flatten"},{"type":"dense","units":13},{"type":"relu"},{"type":"dense","units":5})", {1, 4, 5}, 10},
    {R"({"type":"flatten"},{"type":"dense","units":7},{"type":"dense","units":6},{"type":"dense","units":5})",
     {3, 3, 5},
     6},
    {R"({"type":"conv2d","filters":16,"kernel":3},)" + kHead, {1, 8, 8}, 6},
    {R"({"type":"conv2d","filters":6,"kernel":5,"padding":2},{"type":"relu"},
        {"type":"conv2d","filters":7,"kernel":[3,2],"stride":[2,1]},)" +
         kHead,
     {1, 9, 10},
     5},
    {R"({"type":"conv2d","filters":3,"kernel":3,"padding":"same","stride":2},{"type":"relu"},
        {"type":"conv2d","filters":17,"kernel":1},{"type":"relu"},)" +
         kHead,
     {2, 7, 8},
     4},
    {R"({"type":"conv2d","filters":16,"kernel":3},{"type":"relu"},{"type":"max_pool","kernel":2},
        {"type":"dropout","rate":0.25},)" +
         kHead,
     {1, 9, 8},
     6},
    {R"({"type":"conv2d","filters":5,"kernel":3},{"type":"max_pool","kernel":3,"stride":2,"padding":1},
        {"type":"relu"},)" +
         kHead,
     {1, 9, 9},
     5},
    {R"({"type":"conv2d","filters":5,"kernel":2},{"type":"max_pool","kernel":[2,3],"stride":[1,2]},
        {"type":"average_pool","kernel":[1,2]},)" +
         kHead,
     {1, 8, 10},
     5},
    {R"({"type":"conv2d","filters":6,"kernel":3},{"type":"relu"},
        {"type":"average_pool","kernel":3,"stride":2,"padding":1},{"type":"dropout","rate":0.4},)" +
         kHead,
     {1, 9, 9},
     5},
    {R"({"type":"conv2d","filters":6,"kernel":3},{"type":"average_pool","kernel":2,"stride":3},
        {"type":"dropout","rate":0.4},)" +
         kHead,
     {1, 9, 9},
     5},
    {R"({"type":"conv2d","filters":6,"kernel":3},{"type":"relu"},
        {"type":"average_pool","kernel":[2,3],"stride":3,"padding":[1,0,0,2]},)" +
         kHead,
     {1, 10, 9},
     5},
    {R"({"type":"conv2d","filters":5,"kernel":2},{"type":"dropout","rate":0.3},
        {"type":"max_pool","kernel":[3,2],"stride":[4,2],"padding":1},)" +
         kHead,
     {1, 10, 9},
     5},
    {R"({"type":"max_pool","kernel":2},{"type":"conv2d","filters":6,"kernel":2},{"type":"dropout","rate":0.3},
        {"type":"relu"},{"type":"flatten"},{"type":"dropout","rate":0.5},{"type":"relu"},{"type":"dense","units":9},
        {"type":"dropout","rate":0.5},{"type":"dense","units":5})",
     {3, 8, 7},
     7},
    {R"({"type":"conv2d","filters":6,"kernel":3},{"type":"batch_norm"},{"type":"relu"},
        {"type":"max_pool","kernel":2},)" +
         kHead,
     {1, 8, 8},
     7},
    {R"({"type":"flatten"},{"type":"dense","units":11},{"type":"batch_norm"},{"type":"relu"},
        {"type":"dense","units":5})",
     {1, 4, 4},
     8},
    {R"({"type":"batch_norm"},{"type":"conv2d","filters":3,"kernel":2},{"type":"flatten"},{"type":"batch_norm"},
        {"type":"dropout","rate":0.2},{"type":"dense","units":5})",
     {2, 4, 5},
     8},
    {R"({"type":"relu"},{"type":"flatten"},{"type":"dense","units":5})", {1, 5, 5}, 200},
    {R"({"type":"batch_norm"},{"type":"max_pool","kernel":6},)" + kHead, {1, 30, 30}, 6},
};

void check_gradients(const Problem& problem, bool random_biases) {
  CAPTURE(random_biases);
  const auto engine = make_engine(spec_of(problem, {}));
  const std::vector<float> start = start_state(*engine, random_biases);
  const std::vector<double> state(start.begin(), start.end());
  constexpr std::uint64_t kStep = 11;
  const StepMetrics metrics = engine->train_step(problem.view(), kStep, 0.0F);
  const StateLayout& layout = engine->layout();
  CHECK(metrics.loss ==
        doctest::Approx(reference::training_loss(problem.model, layout, state, problem.batch, 7, kStep)).epsilon(1e-5));
  const std::vector<float> gradients = gradients_of(*engine);
  double squares = 0;
  for (const float g : gradients) squares += double{g} * double{g};
  CHECK(metrics.gradient_norm == doctest::Approx(std::sqrt(squares)).epsilon(1e-6));

  int kinks = 0, compared = 0;
  for (const TensorSpec& tensor : layout.tensors()) {
    if (tensor.role != TensorRole::kParameter) continue;
    CAPTURE(tensor.name);
    double largest = 0;
    for (std::size_t i = 0; i < tensor.size; ++i) {
      largest = std::max(largest, std::abs(double{gradients[tensor.offset + i]}));
    }
    for (std::size_t i = 0; i < tensor.size; i += std::max<std::size_t>(1, tensor.size / 23)) {
      const double expected =
          reference::difference_quotient(problem.model, layout, state, tensor.offset + i, problem.batch, 7, kStep);
      if (std::isnan(expected)) {
        ++kinks;
        continue;
      }
      ++compared;
      CHECK(double{gradients[tensor.offset + i]} ==
            doctest::Approx(expected).scale(std::max(largest, 0.01 * metrics.gradient_norm)).epsilon(2e-4));
    }
  }
  CHECK(compared > 4 * kinks);
}

}  // namespace

TEST_CASE("the GPU engine's gradients agree with finite differences, whatever the layers") {
  for (const Network& network : kNetworks) {
    CAPTURE(network.layers);
    const Problem problem(network.layers, network.input, network.samples);
    for (const bool random_biases : {false, true}) check_gradients(problem, random_biases);
  }
}

TEST_CASE("five steps of each optimizer agree with the CPU engine's, and evaluation and prediction behind them") {
  const OptimizerSpec optimizers[] = {{},
                                      {.kind = OptimizerKind::kSgd, .momentum = 0.9, .weight_decay = 1e-3},
                                      {.kind = OptimizerKind::kSgd, .momentum = 0.9, .nesterov = true},
                                      {.kind = OptimizerKind::kAdam, .weight_decay = 1e-3},
                                      {.kind = OptimizerKind::kAdamW, .weight_decay = 1e-2},
                                      {.kind = OptimizerKind::kAdadelta},
                                      {.kind = OptimizerKind::kRmsprop, .rho = 0.9, .epsilon = 1e-5}};
  const Problem problem(R"({"type":"conv2d","filters":6,"kernel":3},{"type":"relu"},{"type":"batch_norm"},
      {"type":"max_pool","kernel":2},{"type":"dropout","rate":0.2},{"type":"flatten"},{"type":"dense","units":9},
      {"type":"relu"},{"type":"dense","units":5})",
                        {2, 8, 8}, 9);
  for (const OptimizerSpec& optimizer : optimizers) {
    CAPTURE(static_cast<int>(optimizer.kind));
    EngineSpec spec = general(spec_of(problem, optimizer));
    spec.augmentation = {.shift = 2, .rotation = 15};
    const auto engine = make_engine(spec), oracle = create_cpu_engine(spec, Log());
    engine->write_state(start_state(*oracle, true));
    const float rate = optimizer.kind == OptimizerKind::kAdadelta ? 1.0F : 0.01F;
    for (std::uint64_t step = 0; step < 5; ++step) {
      const StepMetrics metrics = engine->train_step(problem.view(), step, rate);
      const StepMetrics expected = oracle->train_step(problem.view(), step, rate);
      CHECK(metrics.loss == doctest::Approx(expected.loss).epsilon(1e-4));
      CHECK(metrics.gradient_norm == doctest::Approx(expected.gradient_norm).epsilon(1e-3));
      CHECK(metrics.correct == expected.correct);
      CHECK(metrics.samples == 9);
    }
    CHECK(distance(engine->layout(), state_of(*engine), state_of(*oracle)) < 1e-4);

    engine->write_state(state_of(*oracle));
    const EvaluationMetrics evaluation = engine->evaluate(problem.view());
    const EvaluationMetrics expected = oracle->evaluate(problem.view());
    CHECK(evaluation.loss_sum == doctest::Approx(expected.loss_sum).epsilon(1e-5));
    CHECK(evaluation.correct == expected.correct);
    CHECK(evaluation.samples == 9);
    std::vector<float> probabilities(9 * 5), expected_probabilities(9 * 5);
    engine->predict(problem.view(), probabilities);
    oracle->predict(problem.view(), expected_probabilities);
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
      CHECK(probabilities[i] == doctest::Approx(double{expected_probabilities[i]}).epsilon(1e-5));
    }
  }
}

TEST_CASE("five steps of each preset model agree with the CPU engine's") {
  for (const char* name : {"keras-cnn", "light-cnn", "lenet-5", "mlp"}) {
    CAPTURE(std::string(name));
    const Problem problem = preset_problem(name, 6);
    const EngineSpec spec = general(spec_of(problem, {.kind = OptimizerKind::kSgd, .momentum = 0.9}));
    const auto engine = make_engine(spec), oracle = create_cpu_engine(spec, Log());
    CHECK(state_of(*engine) == state_of(*oracle));
    for (std::uint64_t step = 0; step < 5; ++step) {
      engine->train_step(problem.view(), step, 1e-2F);
      oracle->train_step(problem.view(), step, 1e-2F);
    }
    CHECK(distance(engine->layout(), state_of(*engine), state_of(*oracle)) < 1e-4);
  }
}

TEST_CASE("an augmented image is the CPU engine's to the bit") {
  // One dense layer on the image: the gradient of its weights is a sum of products with the pixels.
  const Problem problem(kHead, {2, 9, 7}, 1);
  EngineSpec spec = general(spec_of(problem, {}));
  spec.augmentation = {.shift = 3, .rotation = 40};
  const auto engine = make_engine(spec), oracle = create_cpu_engine(spec, Log());
  for (std::uint64_t step = 0; step < 20; ++step) {
    engine->train_step(problem.view(), step, 0.0F);
    oracle->train_step(problem.view(), step, 0.0F);
    const std::vector<float> gradients = gradients_of(*engine), expected = gradients_of(*oracle);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      CHECK(gradients[i] == doctest::Approx(double{expected[i]}).epsilon(1e-5));
    }
  }
}

TEST_CASE("more biases than one launch sums all have their gradient") {
  std::string layers = R"({"type":"flatten"})";
  for (int i = 0; i < 60; ++i) layers += R"(,{"type":"dense","units":5})";
  const Problem problem(layers, {1, 2, 2}, 3);
  const EngineSpec spec = general(spec_of(problem, {}));
  const auto engine = make_engine(spec), oracle = create_cpu_engine(spec, Log());
  std::vector<float> state = state_of(*oracle);
  std::fill(state.begin(), state.end(), 0.0F);
  for (const TensorSpec& tensor : engine->layout().tensors()) {  // the identity, so that no gradient vanishes
    if (tensor.shape.size() == 1) continue;
    const auto inputs = static_cast<std::size_t>(tensor.shape[1]);
    for (std::size_t i = 0; i < inputs; ++i) state[tensor.offset + i * (inputs + 1)] = 1;
  }
  for (Engine* each : {engine.get(), oracle.get()}) {
    each->write_state(state);
    each->train_step(problem.view(), 0, 0.0F);
  }
  const std::vector<float> gradients = gradients_of(*engine), expected = gradients_of(*oracle);
  for (const TensorSpec& tensor : engine->layout().tensors()) {
    if (tensor.shape.size() != 1) continue;
    CHECK(gradients[tensor.offset] != 0);
    CHECK(gradients[tensor.offset] == doctest::Approx(double{expected[tensor.offset]}).epsilon(1e-3));
  }
}

TEST_CASE("of equal maxima the first one wins, as on the CPU") {
  // 4 = 1 + 3 = 3 + 1, but the weights' gradients tell which.
  Problem problem(R"({"type":"conv2d","filters":1,"kernel":[1,2]},{"type":"max_pool","kernel":[1,2]},)" + kHead,
                  {1, 1, 3}, 1);
  problem.images = {30, 90, 30};
  const EngineSpec spec = general(spec_of(problem, {}));
  const auto engine = make_engine(spec), oracle = create_cpu_engine(spec, Log());
  std::vector<float> state = state_of(*oracle);
  state[0] = state[1] = 0.5F;
  for (Engine* each : {engine.get(), oracle.get()}) {
    each->write_state(state);
    each->train_step(problem.view(), 0, 0.0F);
  }
  const std::vector<float> gradients = gradients_of(*engine), expected = gradients_of(*oracle);
  CHECK(std::abs(expected[1]) > 2 * std::abs(expected[0]));
  CHECK(gradients[0] == doctest::Approx(double{expected[0]}));
  CHECK(gradients[1] == doctest::Approx(double{expected[1]}));
}

TEST_CASE("the dropout masks are the CPU engine's, before and behind a flatten") {
  for (const char* layers :
       {R"({"type":"conv2d","filters":5,"kernel":1},{"type":"dropout","rate":0.4},{"type":"flatten"},)",
        R"({"type":"conv2d","filters":5,"kernel":1},{"type":"flatten"},{"type":"dropout","rate":0.4},)",
        R"({"type":"flatten"},{"type":"dropout","rate":0.4},)"}) {
    const Problem problem(layers + std::string(R"({"type":"dense","units":5})"), {2, 5, 3}, 1);
    const EngineSpec spec = general(spec_of(problem, {}));
    const auto engine = make_engine(spec), oracle = create_cpu_engine(spec, Log());
    // A weight's gradient is zero exactly where its input is dropped, or black.
    for (const std::uint64_t step : {std::uint64_t{0}, std::uint64_t{1} << 33}) {
      engine->train_step(problem.view(), step, 0.0F);
      oracle->train_step(problem.view(), step, 0.0F);
      const std::vector<float> gradients = gradients_of(*engine), expected = gradients_of(*oracle);
      std::size_t dropped = 0;
      for (std::size_t i = 0; i < gradients.size(); ++i) {
        CHECK((gradients[i] == 0) == (expected[i] == 0));
        dropped += gradients[i] == 0 ? 1 : 0;
      }
      CHECK(dropped > 0);
    }
  }
}

TEST_CASE("a batch with fewer samples is trained on as by an engine for that many") {
  for (const char* norm : {"", R"({"type":"batch_norm"},)"}) {
    const Problem problem(std::string(R"({"type":"conv2d","filters":6,"kernel":3},)") + norm +
                              R"({"type":"relu"},{"type":"dropout","rate":0.3},)" + kHead,
                          {1, 7, 6}, 11);
    EngineSpec spec = general(spec_of(problem, {}));
    for (const std::size_t samples : {1U, 4U, 10U}) {
      CAPTURE(samples);
      BatchView part = problem.view();
      part.indices = part.indices.subspan(0, samples);
      const auto engine = make_engine(spec), oracle = create_cpu_engine(spec, Log());
      engine->train_step(problem.view(), 0, 1e-2F);  // leaves the others' values behind
      engine->write_state(start_state(*oracle, true));
      const StepMetrics metrics = engine->train_step(part, 1, 1e-2F);
      const StepMetrics expected = oracle->train_step(part, 1, 1e-2F);
      CHECK(metrics.loss == doctest::Approx(expected.loss).epsilon(1e-5));
      CHECK(metrics.samples == static_cast<std::int64_t>(samples));
      const std::vector<float> gradients = gradients_of(*engine), of_oracle = gradients_of(*oracle);
      for (std::size_t i = 0; i < gradients.size(); ++i) {
        CHECK(gradients[i] == doctest::Approx(double{of_oracle[i]}).scale(expected.gradient_norm).epsilon(1e-5));
      }
      for (const TensorSpec& tensor : engine->layout().tensors()) {
        if (tensor.role != TensorRole::kStatistic) continue;
        for (std::size_t i = tensor.offset; i < tensor.offset + tensor.size; ++i) {
          CHECK(state_of(*engine)[i] == doctest::Approx(double{state_of(*oracle)[i]}).epsilon(1e-5));
        }
      }
      CHECK(engine->evaluate(part).loss_sum == doctest::Approx(oracle->evaluate(part).loss_sum).epsilon(1e-5));
    }
  }
}

TEST_CASE("every canonical state goes through the card's order and comes back the same") {
  for (const Network& network : kNetworks) {
    for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
      const Problem problem(network.layers, network.input, 2);
      EngineSpec spec = spec_of(problem, {.kind = OptimizerKind::kAdam});
      spec.precision = precision;
      const auto engine = make_engine(spec);
      std::vector<float> state(engine->layout().size());
      for (std::size_t i = 0; i < state.size(); ++i) state[i] = static_cast<float>(i + 1);
      engine->write_state(state);
      CHECK(state_of(*engine) == state);
    }
  }
}

namespace {}  // namespace

TEST_CASE("steps handed over together are the same steps, to the bit, whether the set stays on the card or not") {
  constexpr std::size_t kSteps = 37;  // more than one launch
  const Run run(kSteps), sent(kSteps, false);
  const auto one_by_one = make_engine(run.spec()), together = make_engine(run.spec()),
             streamed = make_engine(run.spec());
  std::vector<StepMetrics> expected, metrics(kSteps), streamed_metrics(kSteps);
  for (std::size_t i = 0; i < kSteps; ++i) {
    expected.push_back(one_by_one->train_step(run.steps[i].batch, i, run.steps[i].learning_rate));
  }
  together->train_steps(run.steps, 0, metrics);
  streamed->train_steps(sent.steps, 0, streamed_metrics);
  CHECK(state_of(*together) == state_of(*one_by_one));
  CHECK(state_of(*streamed) == state_of(*one_by_one));
  CHECK(gradients_of(*together) == gradients_of(*one_by_one));
  for (std::size_t i = 0; i < kSteps; ++i) {
    CHECK(metrics[i].loss == expected[i].loss);
    CHECK(metrics[i].correct == expected[i].correct);
    CHECK(metrics[i].samples == expected[i].samples);
    CHECK(metrics[i].gradient_norm == expected[i].gradient_norm);
    CHECK(streamed_metrics[i].loss == expected[i].loss);
  }
}

TEST_CASE("a steady launch allocates nothing, waits once and sends a transfer for four steps") {
  const Run run(16);
  const auto record = std::make_shared<host_device::Record>();
  const auto engine = make_engine(run.spec(), record);
  engine->reserve_frozen_states(1);
  std::vector<StepMetrics> metrics(16);
  engine->train_steps(run.steps, 0, metrics);
  engine->freeze_state();
  const host_device::Record before = *record;
  engine->train_steps(run.steps, 16, metrics);
  const host_device::Record after = *record;
  CHECK(after.allocations == before.allocations);
  CHECK(after.graph_launches == before.graph_launches + 16);
  CHECK(after.launches == before.launches);  // but those of the graphs
  CHECK(after.synchronisations == before.synchronisations + 1);
  CHECK(after.transfers == before.transfers + 16 / 4 + 1);
  engine->freeze_state();
  CHECK(record->allocations == before.allocations);
  CHECK(record->synchronisations == after.synchronisations);
  CHECK(record->transfers == after.transfers + 2);
  CHECK(engine->steps_at_once() >= 1);
  CHECK(engine->steps_at_once() <= 32);
}

TEST_CASE("the launches of a step are as few as the passes over memory that it needs") {
  const Problem problem = preset_problem("keras-cnn", 4);
  const auto record = std::make_shared<host_device::Record>();
  EngineSpec spec = spec_of(problem, {});
  const auto engine = make_engine(spec, record);
  engine->profile(problem.view(), 1);
  const host_device::Record before = *record;
  engine->profile(problem.view(), 1);
  // The images; two convolutions, two products, what comes behind three of them, and softmax; back four gradients of
  // weights and three of inputs, three activations, and the biases' sums in two stages; update, norm, results.
  CHECK(record->launches - before.launches == 1 + 4 + 3 + 1 + 4 + 3 + 3 + 2 + 4);
}

namespace {}  // namespace

TEST_CASE("the state before a step is frozen while steps go on, and read on another thread") {
  const Run run(24);
  const auto engine = make_engine(run.spec()), undisturbed = make_engine(run.spec());
  std::vector<StepMetrics> metrics(2);
  for (std::size_t i = 0; i < run.steps.size(); i += 2) {
    const std::vector<float> expected = state_of(*engine);
    std::vector<float> seen;
    CHECK(values_of(*engine->freeze_state()) == expected);  // nothing but the reader waits for it
    auto dropped = engine->freeze_state();
    std::thread reader([&seen, frozen = engine->freeze_state()]() mutable {
      seen = values_of(*frozen);
      frozen.reset();
    });
    dropped.reset();  // unread
    engine->train_steps(std::span(run.steps).subspan(i, 2), i, metrics);
    reader.join();
    CHECK(seen == expected);
    undisturbed->train_steps(std::span(run.steps).subspan(i, 2), i, metrics);
  }
  CHECK(state_of(*engine) == state_of(*undisturbed));
}

TEST_CASE("products in tf32 are asked for by that precision alone") {
  const Problem problem(R"({"type":"conv2d","filters":5,"kernel":3},{"type":"relu"},)" + kHead, {1, 6, 6}, 3);
  for (const Precision precision : {Precision::kFloat32, Precision::kTf32, Precision::kBfloat16}) {
    const auto record = std::make_shared<host_device::Record>();
    EngineSpec spec = spec_of(problem, {});
    spec.precision = precision;
    const auto engine = make_engine(spec, record);
    CHECK(record->convolutions.size() == 2);
    CHECK(record->products.size() == 3);
    const auto element = precision == Precision::kBfloat16 ? cuda::Element::kBfloat16 : cuda::Element::kFloat32;
    for (const auto& spec_of_convolution : record->convolutions) {
      CHECK(spec_of_convolution.tf32 == (precision == Precision::kTf32));
      CHECK(spec_of_convolution.element == element);
      CHECK(spec_of_convolution.channels == (precision == Precision::kFloat32 ? 1
                                             : precision == Precision::kTf32  ? 4
                                                                              : 8));
      CHECK(spec_of_convolution.filters == 8);
    }
    for (const auto& product : record->products) CHECK(product.tf32 == (precision == Precision::kTf32));
  }
}

TEST_CASE("bfloat16 rounds activations and weights, and keeps the parameters in float32") {
  for (const Network& network : kNetworks) {
    CAPTURE(network.layers);
    const Problem problem(network.layers, network.input, network.samples);
    EngineSpec spec = spec_of(problem, {.kind = OptimizerKind::kSgd, .momentum = 0.9});
    const auto exact = make_engine(spec);
    spec.precision = Precision::kBfloat16;
    const auto engine = make_engine(spec);
    engine->write_state(start_state(*exact, true));
    const std::vector<float> before = state_of(*engine);
    const StepMetrics metrics = engine->train_step(problem.view(), 3, 1e-5F);
    const StepMetrics expected = exact->train_step(problem.view(), 3, 1e-5F);
    CHECK(metrics.loss != expected.loss);
    CHECK(metrics.loss == doctest::Approx(expected.loss).epsilon(0.01));
    CHECK(metrics.gradient_norm == doctest::Approx(expected.gradient_norm).epsilon(0.05));
    // An update that bfloat16 could not hold.
    CHECK(distance(engine->layout(), state_of(*engine), before) > 0);
    CHECK(distance(engine->layout(), state_of(*engine), state_of(*exact)) < 1e-5);
  }
}

TEST_CASE("an epsilon that float32 does not hold divides nothing by zero") {
  const Problem problem(R"({"type":"conv2d","filters":5,"kernel":3},{"type":"relu"},{"type":"flatten"},
      {"type":"dense","units":7},{"type":"dense","units":5})",
                        {1, 6, 6}, 3);
  for (const OptimizerKind kind :
       {OptimizerKind::kAdam, OptimizerKind::kAdamW, OptimizerKind::kAdadelta, OptimizerKind::kRmsprop}) {
    CAPTURE(static_cast<int>(kind));
    const auto engine = make_engine(spec_of(problem, {.kind = kind, .epsilon = 1e-50}));
    for (std::uint64_t step = 0; step < 3; ++step) engine->train_step(problem.view(), step, 1e-3F);
    CHECK(std::isfinite(engine->evaluate(problem.view()).loss_sum));
    for (const float value : state_of(*engine)) CHECK(std::isfinite(value));
  }
}

TEST_CASE("profiling names every layer's passes and leaves the state alone") {
  const Run run(1);
  const auto engine = make_engine(run.spec());
  engine->train_step(run.steps[0].batch, 0, 0.1F);
  const std::vector<float> before = state_of(*engine);
  const std::vector<OperatorTime> times = engine->profile(run.steps[0].batch, 2);
  CHECK(state_of(*engine) == before);
  const auto has = [&](const std::string& layer, const std::string& pass) {
    return std::any_of(times.begin(), times.end(), [&](const OperatorTime& time) {
      return time.layer == layer && time.pass == pass && time.milliseconds > 0 && !time.implementation.empty();
    });
  };
  CHECK(has("input", "forward"));
  CHECK(has("conv1", "forward"));
  CHECK(has("conv1", "backward_weights"));
  CHECK(has("batch_norm1", "backward_data"));
  CHECK(has("dense1", "backward_data"));
  CHECK(has("softmax", "forward"));
  CHECK(has("parameters", "update"));
}
