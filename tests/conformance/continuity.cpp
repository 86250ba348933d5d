#include <algorithm>
#include <deque>
#include <numeric>
#include <thread>

#include "conformance/examination.h"

namespace spot::conformance {
namespace {

using small_problem::Problem, small_problem::spec_of, small_problem::state_of;

constexpr std::uint64_t kSteps = 9;
constexpr float kRate = 0.01F;

struct Example {
  const char* name;
  const char* layers;
  OptimizerSpec optimizer;
};

const Example kExamples[] = {
    {"conv2d, dropout, adam",
     R"({"type":"conv2d","filters":12,"kernel":3},{"type":"relu"},{"type":"conv2d","filters":16,"kernel":3},
        {"type":"relu"},{"type":"max_pool","kernel":2},{"type":"dropout","rate":0.25},{"type":"flatten"},
        {"type":"dense","units":32},{"type":"relu"},{"type":"dropout","rate":0.5},{"type":"dense","units":5})",
     {.kind = OptimizerKind::kAdam}},
    {"batch_norm, stride, momentum",
     R"({"type":"conv2d","filters":12,"kernel":3,"stride":2},{"type":"batch_norm"},{"type":"relu"},
        {"type":"average_pool","kernel":2},{"type":"flatten"},{"type":"dense","units":24},{"type":"batch_norm"},
        {"type":"relu"},{"type":"dense","units":5})",
     {.momentum = 0.9}},
    {"large dense, adadelta",
     R"({"type":"flatten"},{"type":"dense","units":64},{"type":"relu"},{"type":"dropout","rate":0.2},
        {"type":"dense","units":5})",
     {.kind = OptimizerKind::kAdadelta}},
};

/// A run of steps on batches of a set, in an order of its own and not all of one size.
class Run {
 public:
  explicit Run(const Example& example) : problem_(example.layers, {1, 24, 22}, 30) {
    spec_ = spec_of(problem_, example.optimizer);
    spec_.batch_size = 13;
    spec_.augmentation = {.shift = 1, .rotation = 10};
    RandomStream random(3, RandomPurpose::kPermutation);
    for (auto& indices : indices_) {
      for (std::size_t i = 0; i < 13; ++i) indices.push_back(random.next_below(30));
    }
    indices_[4].resize(6);
    indices_[7].resize(1);
    for (std::uint64_t step = 0; step < kSteps; ++step) {
      steps_.push_back(
          {{problem_.images.data(), problem_.labels.data(), indices_[step], 30}, kRate / static_cast<float>(step + 1)});
    }
  }

  [[nodiscard]] const EngineSpec& spec() const { return spec_; }
  [[nodiscard]] const std::vector<TrainingStep>& steps() const { return steps_; }

  StepMetrics train(Engine& engine, std::uint64_t step) const {
    return engine.train_step(steps_[step].batch, step, steps_[step].learning_rate);
  }
  void train(Engine& engine, std::uint64_t from, std::uint64_t to) const {
    for (std::uint64_t step = from; step < to; ++step) train(engine, step);
  }

 private:
  Problem problem_;
  EngineSpec spec_;
  std::vector<std::uint32_t> indices_[kSteps];
  std::vector<TrainingStep> steps_;
};

std::vector<float> values_of(const StateReader& reader) {
  std::vector<float> values(reader.layout().size());
  for (const TensorSpec& tensor : reader.layout().tensors()) {
    const std::span<float> room = std::span(values).subspan(tensor.offset, tensor.size);
    const std::span<const float> read = reader.read(tensor, room);
    if (read.data() != room.data()) std::copy(read.begin(), read.end(), room.begin());
  }
  return values;
}

/// Metrics as values to compare bit for bit.
std::vector<float> values_of(std::span<const StepMetrics> metrics) {
  std::vector<float> values;
  for (const StepMetrics& m : metrics) {
    for (const double value :
         {m.loss, static_cast<double>(m.correct), static_cast<double>(m.samples), m.gradient_norm}) {
      values.push_back(static_cast<float>(value));
    }
  }
  return values;
}

/// What follows is compared with it: the state after all steps, one by one, undisturbed.
struct Undisturbed {
  std::vector<float> state;
  std::vector<StepMetrics> metrics;

  Undisturbed(const Examination& examination, const Run& run) {
    const auto engine = examination.subject(run.spec());
    for (std::uint64_t step = 0; step < kSteps; ++step) metrics.push_back(run.train(*engine, step));
    state = state_of(*engine);
  }
};

void repeated(Examination& examination, const char* name, const Run& run, const Undisturbed& expected) {
  const Undisturbed again(examination, run);
  examination.expect_same("the same again", name, again.state, expected.state);
  examination.expect_same("the same metrics again", name, values_of(again.metrics), values_of(expected.metrics));
}

void resumed(Examination& examination, const char* name, const Run& run, const Undisturbed& expected) {
  for (const std::uint64_t killed : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{8}}) {
    std::vector<float> saved;
    {
      const auto engine = examination.subject(run.spec());
      run.train(*engine, 0, killed);
      saved = state_of(*engine);
    }
    const auto engine = examination.subject(run.spec());
    run.train(*engine, 0, 2);  // whatever it did before
    engine->write_state(saved);
    run.train(*engine, killed, kSteps);
    examination.expect_same("killed and resumed", name, state_of(*engine), expected.state);
  }
}

void several_at_once(Examination& examination, const char* name, const Run& run, const Undisturbed& expected) {
  for (const std::size_t group : {std::size_t{2}, std::size_t{kSteps}}) {
    const auto engine = examination.subject(run.spec());
    std::vector<StepMetrics> metrics(kSteps);
    for (std::size_t first = 0; first < kSteps; first += group) {
      const std::size_t count = std::min(group, kSteps - first);
      engine->train_steps(std::span(run.steps()).subspan(first, count), first,
                          std::span(metrics).subspan(first, count));
    }
    examination.expect_same("several steps at once", name, state_of(*engine), expected.state);
    examination.expect_same("their metrics", name, values_of(metrics), values_of(expected.metrics));
  }
}

/// States are held for no step, for one and for several, and one is read on another thread.
void frozen(Examination& examination, const char* name, const Run& run, const Undisturbed& expected) {
  struct Frozen {
    std::unique_ptr<StateReader> reader;
    std::vector<float> state;
  };
  const auto engine = examination.subject(run.spec());
  engine->reserve_frozen_states(2);
  std::deque<Frozen> held;
  std::vector<float> seen, right;
  const auto release = [&](Frozen& state) {
    const std::vector<float> values = values_of(*state.reader);
    seen.insert(seen.end(), values.begin(), values.end());
    right.insert(right.end(), state.state.begin(), state.state.end());
  };
  for (std::uint64_t step = 0; step < kSteps; ++step) {
    if (step % 4 != 3) held.push_back({engine->freeze_state(), state_of(*engine)});
    run.train(*engine, step);
    while (held.size() > step % 3) {
      std::thread([&] {
        release(held.front());
        held.pop_front();
      }).join();
    }
  }
  for (Frozen& state : held) release(state);
  held.clear();
  examination.expect_same("frozen states stay", name, seen, right);
  examination.expect_same("freezing disturbs nothing", name, state_of(*engine), expected.state);
}

/// From one engine to the other and back; the steps in between are the checkpoint's, not compared.
void handed_over(Examination& examination, const char* name, const Run& run) {
  const auto oracle = examination.oracle(run.spec()), subject = examination.subject(run.spec());
  examination.expect("layout of the state", name, oracle->layout() == subject->layout() ? 0 : 1, 0);
  examination.expect_same("state of step 0", name, state_of(*subject), state_of(*oracle));
  run.train(*oracle, 0, 3);
  subject->write_state(state_of(*oracle));
  examination.expect_same("state taken over", name, state_of(*subject), state_of(*oracle));
  run.train(*subject, 3, 6);
  oracle->write_state(state_of(*subject));
  examination.expect_same("state handed over", name, state_of(*oracle), state_of(*subject));
}

void looked_at(Examination& examination, const char* name, const Run& run, const Undisturbed& expected) {
  const auto engine = examination.subject(run.spec());
  for (std::uint64_t step = 0; step < kSteps; ++step) {
    run.train(*engine, step);
    engine->evaluate(run.steps()[4].batch);
    predict(*engine, run.steps()[0].batch, run.spec().model.classes);
    if (step % 4 == 1) engine->profile(run.steps()[0].batch, 2);
  }
  examination.expect_same("evaluating, predicting, profiling disturb nothing", name, state_of(*engine), expected.state);
}

/// The same samples: as they lie in the set, copied out of it, and with its size unknown.
void gathered(Examination& examination, const char* name, const Run& run) {
  const BatchView& batch = run.steps()[0].batch;
  const auto pixels = static_cast<std::size_t>(run.spec().model.input.size());
  std::vector<std::uint8_t> images, labels;
  for (const std::uint32_t index : batch.indices) {
    images.insert(images.end(), batch.images + index * pixels, batch.images + (index + 1) * pixels);
    labels.push_back(batch.labels[index]);
  }
  std::vector<std::uint32_t> in_order(batch.indices.size());
  std::iota(in_order.begin(), in_order.end(), 0U);
  const auto gradients = [&](const BatchView& view) {
    const auto engine = examination.subject(run.spec());
    engine->train_step(view, 5, kRate);
    return gradients_of(*engine);
  };
  const std::vector<float> expected = gradients(batch);
  examination.expect_same("samples from anywhere in the set", name,
                          gradients({images.data(), labels.data(), in_order, in_order.size()}), expected);
  examination.expect_same("a set of unknown size", name, gradients({batch.images, batch.labels, batch.indices, 0}),
                          expected);
}

void smaller_after_larger(Examination& examination, const char* name, const Run& run) {
  const auto fresh = examination.subject(run.spec()), used = examination.subject(run.spec());
  for (const std::uint64_t step : {std::uint64_t{0}, std::uint64_t{4}}) {
    used->train_step(run.steps()[0].batch, step, 0);
    used->evaluate(run.steps()[0].batch);
  }
  used->write_state(state_of(*fresh));
  for (const auto& engine : {fresh.get(), used.get()}) run.train(*engine, 7);
  examination.expect_same("a smaller batch after a larger", name, gradients_of(*used), gradients_of(*fresh));
}

}  // namespace

void examine_continuity(Examination& examination) {
  for (const Example& example : kExamples) {
    examination.attempt("continuity", example.name, [&] {
      const Run run(example);
      const Undisturbed expected(examination, run);
      repeated(examination, example.name, run, expected);
      resumed(examination, example.name, run, expected);
      several_at_once(examination, example.name, run, expected);
      frozen(examination, example.name, run, expected);
      looked_at(examination, example.name, run, expected);
      handed_over(examination, example.name, run);
      gathered(examination, example.name, run);
      smaller_after_larger(examination, example.name, run);
    });
  }
}

}  // namespace spot::conformance
