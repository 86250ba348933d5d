#include "engine/cuda/cuda_engine.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <numeric>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"
#include "engine/cuda/plan.h"
#include "engine/cuda/snapshots.h"
#include "engine/cuda/step_feed.h"

namespace spot::cuda {
namespace {

/// A notice of interruption is heard between launches: none is to last longer.
constexpr std::int64_t kLongestLaunchNs = 20'000'000;
/// The host prepares so many steps while the card computes those before.
constexpr std::size_t kStepsAhead = 4;

class CudaEngine final : public Engine {
 public:
  CudaEngine(std::unique_ptr<Device> device, const EngineSpec& spec);
  ~CudaEngine() override;
  CudaEngine(const CudaEngine&) = delete;
  CudaEngine& operator=(const CudaEngine&) = delete;

  [[nodiscard]] std::string device() const override { return "cuda"; }
  [[nodiscard]] std::string instruction_set() const override { return device_->instruction_set(); }
  [[nodiscard]] int threads() const override { return 1; }
  [[nodiscard]] const StateLayout& layout() const override { return stored_.canonical(); }

  StepMetrics train_step(const BatchView& batch, std::uint64_t step, float learning_rate) override;
  void train_steps(std::span<const TrainingStep> steps, std::uint64_t first, std::span<StepMetrics> metrics) override;
  [[nodiscard]] int steps_at_once() const override { return steps_at_once_; }
  EvaluationMetrics evaluate(const BatchView& batch) override;
  void predict(const BatchView& batch, std::span<float> probabilities) override;
  std::unique_ptr<StateReader> freeze_state() override;
  void reserve_frozen_states(int count) override;
  void read_state(std::span<float> state) const override;
  void write_state(std::span<const float> state) override;
  void read_gradients(std::span<float> gradients) const override;
  std::vector<OperatorTime> profile(const BatchView& batch, int steps) override;

 private:
  std::unique_ptr<Graph> record(const std::vector<Call>& calls);
  template <typename Step>
  void run(std::span<const TrainingStep> steps, std::uint64_t first, std::span<StepMetrics> metrics, const Step& step);
  template <typename Step>
  void enqueue(std::span<const TrainingStep> steps, std::uint64_t first, const Step& step);
  void infer(const BatchView& batch);
  void read(const DeviceBuffer<float>& from, std::span<float> canonical) const;
  void check_state() const;
  void settle(Stream stream) noexcept;

  // Behind what they refer to.
  std::unique_ptr<Device> device_;
  EngineSpec spec_;
  std::vector<Extent> extents_;
  StoredLayout stored_;
  DeviceBuffer<float> state_, gradients_;
  DeviceBuffer<Bfloat16> rounded_;  ///< the parameters, in bfloat16 only
  DeviceBuffer<StepResult> results_;
  PinnedBuffer<StepResult> host_results_;
  PinnedBuffer<float> host_losses_;
  PinnedBuffer<std::uint32_t> host_hits_;
  PinnedBuffer<float> mirror_;  ///< of the state or the gradients, on their way
  StepFeed feed_;
  Plan plan_;
  Snapshots snapshots_;
  std::unique_ptr<Graph> training_, inference_;
  int steps_at_once_ = 1;
  bool is_stepping_ = false;  ///< whether the run under way has begun to change the state
  std::string failure_;       ///< of the run that the state was lost in; empty: it is valid
};

CudaEngine::CudaEngine(std::unique_ptr<Device> device, const EngineSpec& spec)
    : device_(std::move(device)),
      spec_(spec),
      extents_(extents_of(spec.model, spec.precision)),
      stored_(spec.model, make_layout(spec.model, spec.optimizer), extents_),
      state_(*device_, stored_.size()),
      gradients_(*device_, stored_.parameters_size()),
      rounded_(spec.precision == Precision::kBfloat16 ? DeviceBuffer<Bfloat16>(*device_, stored_.parameters_size())
                                                      : DeviceBuffer<Bfloat16>()),
      results_(*device_, StepFeed::kMostSteps),
      host_results_(*device_, StepFeed::kMostSteps),
      host_losses_(*device_, static_cast<std::size_t>(spec.batch_size)),
      host_hits_(*device_, static_cast<std::size_t>(spec.batch_size)),
      mirror_(*device_, stored_.size()),
      feed_(*device_, spec_),
      plan_(*device_, spec_, stored_, extents_,
            {feed_.table(), feed_.cursor(), results_.data(), state_.data(), gradients_.data(), rounded_.data()}),
      snapshots_(*device_, stored_) {
  // Libraries load their code at the first call, which is not to be while a graph is recorded. The table is still
  // empty: steps of no sample, whatever they make of the state.
  for (const auto* calls : {&plan_.training(), &plan_.inference()}) {
    for (const Call& call : *calls) call.enqueue(*device_);
  }
  device_->synchronise(Stream::kCompute);
  training_ = record(plan_.training());
  inference_ = record(plan_.inference());
  std::vector<float> initial(layout().size());
  initialise_state(layout(), spec.initializer, spec.seed, initial);
  write_state(initial);
}

CudaEngine::~CudaEngine() {
  // Nothing may be on its way to or from memory that goes; a card that fails now has nobody to tell.
  settle(Stream::kCompute);
  settle(Stream::kCopy);
}

/// Waits like Device::synchronise(), and keeps to itself what went wrong.
void CudaEngine::settle(Stream stream) noexcept {
  try {
    device_->synchronise(stream);
  } catch (const Error&) {
  }
}

std::unique_ptr<Graph> CudaEngine::record(const std::vector<Call>& calls) {
  device_->begin_graph();
  try {
    for (const Call& call : calls) call.enqueue(*device_);
  } catch (...) {
    try {
      device_->end_graph();  // while it is open, not even memory can be freed
    } catch (const Error&) {
      // The first error is the one to tell.
    }
    throw;
  }
  return device_->end_graph();
}

/// A step that failed on the card may have changed a part of the state.
void CudaEngine::check_state() const {
  if (failure_.empty()) return;
  fail(Status::kInternal,
       cat("a step failed on the GPU and left no valid state; resume from the last checkpoint: ", failure_));
}

/// Enqueues the steps, each by step(); nothing waits.
template <typename Step>
void CudaEngine::enqueue(std::span<const TrainingStep> steps, std::uint64_t first, const Step& step) {
  feed_.begin(steps.size());
  for (std::size_t begin = 0; begin < steps.size(); begin += kStepsAhead) {
    const std::size_t end = std::min(begin + kStepsAhead, steps.size());
    for (std::size_t i = begin; i < end; ++i) feed_.put_training(i, steps[i], first + i);
    feed_.upload(begin, end - begin);
    for (std::size_t i = begin; i < end; ++i) {
      is_stepping_ = true;
      step();
    }
  }
  device_->download(host_results_.data(), results_.data(), steps.size() * sizeof(StepResult), Stream::kCompute);
}

/// Up to StepFeed::kMostSteps of them.
template <typename Step>
void CudaEngine::run(std::span<const TrainingStep> steps, std::uint64_t first, std::span<StepMetrics> metrics,
                     const Step& step) {
  is_stepping_ = false;
  try {
    enqueue(steps, first, step);
    device_->synchronise(Stream::kCompute);
  } catch (const std::exception& error) {
    settle(Stream::kCompute);  // the next run writes over what may still be sent
    if (is_stepping_) failure_ = error.what();
    throw;
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const StepResult& result = host_results_.data()[i];
    const std::size_t samples = steps[i].batch.indices.size();
    metrics[i] = {.loss = result.loss_sum / static_cast<double>(samples),
                  .correct = result.correct,
                  .samples = static_cast<std::int64_t>(samples),
                  .gradient_norm = std::sqrt(result.gradient_squares)};
  }
}

StepMetrics CudaEngine::train_step(const BatchView& batch, std::uint64_t step, float learning_rate) {
  const TrainingStep only = {batch, learning_rate};
  StepMetrics metrics;
  train_steps({&only, 1}, step, {&metrics, 1});
  return metrics;
}

void CudaEngine::train_steps(std::span<const TrainingStep> steps, std::uint64_t first, std::span<StepMetrics> metrics) {
  check_state();
  feed_.check(steps);
  for (std::size_t begin = 0; begin < steps.size(); begin += StepFeed::kMostSteps) {
    const std::size_t count = std::min(StepFeed::kMostSteps, steps.size() - begin);
    const auto part = steps.subspan(begin, count);
    const std::int64_t start = system_clock().monotonic_ns();
    run(part, first + begin, metrics.subspan(begin, count), [&] { training_->launch(); });
    const std::int64_t step_ns = (system_clock().monotonic_ns() - start) / static_cast<std::int64_t>(count) + 1;
    steps_at_once_ = static_cast<int>(
        std::clamp(kLongestLaunchNs / step_ns, std::int64_t{1}, static_cast<std::int64_t>(StepFeed::kMostSteps)));
  }
}

/// Leaves the results on the way; the caller waits for what it wants of them.
void CudaEngine::infer(const BatchView& batch) {
  check_state();
  feed_.check(batch);
  feed_.begin(1);
  feed_.put_inference(0, batch);
  feed_.upload(0, 1);
  inference_->launch();
}

EvaluationMetrics CudaEngine::evaluate(const BatchView& batch) {
  infer(batch);
  const std::size_t samples = batch.indices.size();
  device_->download(host_losses_.data(), plan_.losses(), samples * sizeof(float), Stream::kCompute);
  device_->download(host_hits_.data(), plan_.hits(), samples * sizeof(std::uint32_t), Stream::kCompute);
  device_->synchronise(Stream::kCompute);
  return {.loss_sum = std::accumulate(host_losses_.data(), host_losses_.data() + samples, 0.0),
          .correct = std::accumulate(host_hits_.data(), host_hits_.data() + samples, std::int64_t{0}),
          .samples = static_cast<std::int64_t>(samples)};
}

void CudaEngine::predict(const BatchView& batch, std::span<float> probabilities) {
  infer(batch);
  const std::size_t size = batch.indices.size() * static_cast<std::size_t>(spec_.model.classes);
  device_->download(probabilities.data(), plan_.probabilities(), size * sizeof(float), Stream::kCompute);
  device_->synchronise(Stream::kCompute);
}

std::unique_ptr<StateReader> CudaEngine::freeze_state() {
  check_state();
  return snapshots_.freeze(state_.data());
}

void CudaEngine::reserve_frozen_states(int count) {
  snapshots_.reserve(static_cast<std::size_t>(count));
}

void CudaEngine::read(const DeviceBuffer<float>& from, std::span<float> canonical) const {
  check_state();
  device_->download(mirror_.data(), from.data(), from.size() * sizeof(float), Stream::kCompute);
  device_->synchronise(Stream::kCompute);
  stored_.load(mirror_.data(), canonical);
}

void CudaEngine::read_state(std::span<float> state) const {
  read(state_, state);
}

void CudaEngine::read_gradients(std::span<float> gradients) const {
  read(gradients_, gradients);
}

void CudaEngine::write_state(std::span<const float> state) {
  std::fill_n(mirror_.data(), mirror_.size(), 0.0F);
  stored_.store(state, mirror_.data());
  device_->upload(state_.data(), mirror_.data(), state_.size() * sizeof(float), Stream::kCompute);
  if (rounded_.data() != nullptr) {
    device_->launch(RoundParameters{stored_.parameters_size() / kLanes, state_.data(), rounded_.data()});
  }
  device_->synchronise(Stream::kCompute);
  failure_.clear();
}

/// Call by call instead of by the graph, an event between any two.
std::vector<OperatorTime> CudaEngine::profile(const BatchView& batch, int steps) {
  std::vector<float> before(layout().size());
  read_state(before);
  const std::vector<Call>& calls = plan_.training();
  std::vector<std::unique_ptr<Event>> events;
  for (std::size_t i = 0; i <= calls.size(); ++i) events.push_back(device_->make_event());
  std::vector<double> microseconds(calls.size());
  const TrainingStep only = {batch, 0.0F};
  for (int step = 0; step < steps; ++step) {
    feed_.check(batch);
    StepMetrics metrics;
    run({&only, 1}, static_cast<std::uint64_t>(step), {&metrics, 1}, [&] {
      events.front()->record(Stream::kCompute);
      for (std::size_t i = 0; i < calls.size(); ++i) {
        calls[i].enqueue(*device_);
        events[i + 1]->record(Stream::kCompute);
      }
    });
    for (std::size_t i = 0; i < calls.size(); ++i) microseconds[i] += events[i + 1]->microseconds_since(*events[i]);
  }
  write_state(before);

  std::vector<OperatorTime> times;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const double milliseconds = microseconds[i] * 1e-3 / steps;
    const auto found = std::find_if(times.begin(), times.end(), [&](const OperatorTime& time) {
      return time.layer == calls[i].layer && time.pass == calls[i].pass;
    });
    if (found != times.end()) {
      found->milliseconds += milliseconds;
    } else {
      times.push_back({calls[i].layer, calls[i].pass, calls[i].implementation(), milliseconds});
    }
  }
  return times;
}

}  // namespace

std::unique_ptr<Engine> create_cuda_engine(std::unique_ptr<Device> device, const EngineSpec& spec, const Log& log) {
  log.debug(cat("cuda engine: ", device->description()));
  return std::make_unique<CudaEngine>(std::move(device), spec);
}

}  // namespace spot::cuda
