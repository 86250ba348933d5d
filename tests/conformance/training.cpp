#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "conformance/examination.h"

namespace spot::conformance {
namespace {

using small_problem::Problem, small_problem::spec_of, small_problem::state_of;

struct NamedOptimizer {
  const char* name;
  OptimizerSpec spec;
};

const NamedOptimizer kOptimizers[] = {
    {"sgd", {}},
    {"sgd, weight decay", {.weight_decay = 1e-2}},
    {"sgd, momentum, weight decay", {.momentum = 0.9, .weight_decay = 1e-3}},
    {"sgd, momentum of Nesterov", {.momentum = 0.9, .nesterov = true}},
    {"adam, weight decay", {.kind = OptimizerKind::kAdam, .weight_decay = 1e-3}},
    {"adamw", {.kind = OptimizerKind::kAdamW, .weight_decay = 1e-2}},
    {"adadelta", {.kind = OptimizerKind::kAdadelta}},
    {"rmsprop", {.kind = OptimizerKind::kRmsprop, .rho = 0.9, .epsilon = 1e-5}},
};

const char* const kSmallNetwork =
    R"({"type":"conv2d","filters":6,"kernel":3},{"type":"relu"},{"type":"max_pool","kernel":2},{"type":"flatten"},
       {"type":"dense","units":9},{"type":"relu"},{"type":"dense","units":5})";

/// 1 - beta2 in float32 is off by 1.3e-5.
constexpr double kAllowed = 1e-4;

/// Against the formulas in double, given the engine's own gradients: whatever the precision, updates are of float32.
void examine(Examination& examination, const NamedOptimizer& optimizer) {
  const Problem problem(kSmallNetwork, {1, 8, 8}, 9);
  const auto engine = examination.subject(spec_of(problem, optimizer.spec));
  const std::vector<float> start = small_problem::start_state(*engine, true);
  std::vector<double> state(start.begin(), start.end());
  const float rate = optimizer.spec.kind == OptimizerKind::kAdadelta ? 1.0F : 0.01F;
  for (std::uint64_t step = 0; step < 5; ++step) {
    engine->train_step(problem.view(), step, rate);
    const std::vector<float> gradients = gradients_of(*engine);
    const std::vector<double> exact(gradients.begin(), gradients.end());
    reference::update(optimizer.spec, engine->layout(), state, exact, step, double{rate});
  }
  const std::vector<float> expected(state.begin(), state.end());
  double worst = distance(engine->layout(), TensorRole::kParameter, state_of(*engine), expected);
  worst = std::max(worst, distance(engine->layout(), TensorRole::kAccumulator, state_of(*engine), expected));
  examination.expect("five steps, in double", optimizer.name, worst, kAllowed);
}

/// How far apart the parameters are, relative to how far `expected` is from `start`.
double relative_to_change(const StateLayout& layout, const std::vector<float>& values,
                          const std::vector<float>& expected, const std::vector<float>& start) {
  double apart = 0, changed = 0;
  for (std::size_t i = 0; i < layout.parameter_count(); ++i) {
    apart += std::pow(double{values[i]} - double{expected[i]}, 2);
    changed += std::pow(double{expected[i]} - double{start[i]}, 2);
  }
  return std::sqrt(apart / changed);
}

void examine_preset(Examination& examination, const std::string& name, bool random_biases) {
  const std::string object = cat(name, random_biases ? ", random biases" : ", zero biases");
  const std::uint32_t size = examination.preset_batch();
  Problem problem(R"({"type":"flatten"},{"type":"dense","units":10})", {1, 28, 28}, size, 10);
  blank_background(problem);
  problem.model = preset_model(name, {1, 28, 28}, 10);
  const EngineSpec spec = spec_of(problem, {.momentum = 0.9});
  const auto oracle = examination.oracle(spec), subject = examination.subject(spec);
  const std::vector<float> start = small_problem::start_state(*oracle, random_biases);
  subject->write_state(start);
  double loss = 0;
  for (std::uint64_t step = 0; step < 5; ++step) {
    // The last batch of an epoch is a smaller one.
    const BatchView batch = part_of(problem, step == 4 ? size / 3 : size);
    const double expected = oracle->train_step(batch, step, 0.02F).loss;
    loss = std::max(loss, relative(subject->train_step(batch, step, 0.02F).loss, expected));
  }
  const Tolerances& allowed = examination.tolerances();
  examination.expect("five steps, loss", object, loss, allowed.five_steps);
  examination.expect("five steps, parameters", object,
                     relative_to_change(oracle->layout(), state_of(*subject), state_of(*oracle), start),
                     allowed.five_steps);
}

}  // namespace

void examine_optimizers(Examination& examination) {
  for (const NamedOptimizer& optimizer : kOptimizers) {
    examination.attempt("optimizer", optimizer.name, [&] { examine(examination, optimizer); });
  }
}

void examine_preset_models(Examination& examination) {
  for (const char* name : {"keras-cnn", "light-cnn", "lenet-5", "mlp"}) {
    for (const bool random_biases : {false, true}) {
      examination.attempt("preset model", name, [&] { examine_preset(examination, name, random_biases); });
    }
  }
}

}  // namespace spot::conformance
