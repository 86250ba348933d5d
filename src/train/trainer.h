#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "data/dataset.h"
#include "data/sampler.h"
#include "engine/engine.h"
#include "train/event.h"
#include "train/records.h"
#include "train/schedule.h"

namespace spot {

enum class Split : std::int32_t { kTrain = 0, kValidation = 1, kTest = 2 };

struct TrainingPlan {
  std::uint32_t batch_size = 128;
  std::uint64_t seed = 1;
  std::uint64_t total_steps = 0;  ///< after which the run is done
  Schedule schedule;
  bool stop_when_diverged = true;  ///< at a loss or gradient norm that is not finite; else warn once
};

/// Those images of the set.
inline BatchView batch_of(const ImageSet& set, std::span<const std::uint32_t> indices) {
  return {set.images.data(), set.labels.data(), indices, set.count, set.type};
}

/// Means over one split of the dataset.
struct Evaluation {
  std::uint64_t samples = 0;
  double loss = Event::kNone;
  double accuracy = Event::kNone;
};

/// Means over several training steps.
struct StepSummary {
  std::uint64_t steps = 0;
  std::uint64_t samples = 0;
  double loss = Event::kNone;
  double accuracy = Event::kNone;
  double learning_rate = Event::kNone;  ///< of the last step
  double gradient_norm = Event::kNone;  ///< of the last step
  double seconds = 0;
};

/// Trains an engine on a dataset, step by step, and keeps the books of the run: position, epochs,
/// metrics. Knows nothing of volumes, interruptions and saving. One thread at a time.
class Trainer {
 public:
  /// `engine` and `dataset` must outlive it.
  Trainer(Engine& engine, const Dataset& dataset, const TrainingPlan& plan, const Clock& clock, Log log = {});

  void set_observer(Observer observer) { observer_ = std::move(observer); }
  [[nodiscard]] const Observer& observer() const { return observer_; }

  /// Steps done.
  [[nodiscard]] std::uint64_t step() const { return step_; }
  /// The epoch that the last step done belongs to: 1 is the first, 0 means that no step was done.
  [[nodiscard]] std::uint64_t epoch() const { return epoch_of(step_, steps_per_epoch()); }
  /// Epochs completed.
  [[nodiscard]] std::uint64_t epochs_done() const { return step_ / steps_per_epoch(); }
  [[nodiscard]] std::uint64_t steps_per_epoch() const { return sampler_.steps_per_epoch(); }
  [[nodiscard]] std::uint64_t total_steps() const { return plan_.total_steps; }
  [[nodiscard]] const std::vector<EpochRecord>& history() const { return history_; }
  /// Whether the engine's gradients are those of the present state's last step.
  [[nodiscard]] bool has_gradients() const { return has_gradients_; }

  /// One training step on the next batch.
  StepRecord train_step();
  /// As many as the engine wants to be handed at once: 1 to `most`, none beyond the epoch; fewer where an observer of
  /// steps takes long, so that a group and what is told of it last no longer than 20 ms, or one step. To be
  /// followed by report_steps(). Their records are valid until the next step.
  std::span<const StepRecord> train_some(std::uint64_t most);
  /// Tells the observer of the steps that train_some() did last. Throws kDiverged when one of them has a loss or
  /// gradient norm that is not finite.
  void report_steps();
  /// `count` of them, or fewer when `stop`, which is asked between what is done at once, said so.
  StepSummary train_steps(std::uint64_t count, const StopCheck& stop);

  /// True at the end of an epoch, and of the run, until the state there has been evaluated.
  [[nodiscard]] bool evaluation_due() const;
  /// Every step is done and the last state is evaluated.
  [[nodiscard]] bool done() const { return step_ >= plan_.total_steps && !evaluation_due(); }
  /// Does the evaluation that is due, on the validation and the test set where they are there, and, at an epoch's end,
  /// records the epoch. False when `stop` said so: nothing has changed then. Throws kDiverged when a loss is not
  /// finite.
  bool evaluate_position(const StopCheck& stop);
  /// The last epoch's or run end's evaluation on the test set; NaN before the first, and without a test set.
  [[nodiscard]] const Evaluation& last_test() const { return last_test_; }

  /// Nothing when `stop` said so. Throws kOrder for an empty split.
  std::optional<Evaluation> evaluate(Split split, const StopCheck& stop);
  /// Adds hits to counts[label * classes + prediction]; false when `stop` said so.
  bool count_confusion(Split split, const StopCheck& stop, std::span<std::uint64_t> counts);

  [[nodiscard]] TrainingPosition position() const { return {step_, steps_per_epoch(), running_, history_}; }
  /// Goes on at `position` with `state`, which lies in the order of the engine's layout.
  void restore(TrainingPosition position, std::span<const float> state);

 private:
  [[nodiscard]] bool at_unrecorded_epoch_end() const;
  [[nodiscard]] bool is_evaluated(const EpochRecord& record) const;
  [[nodiscard]] const ImageSet& set_of(Split split) const;
  [[nodiscard]] Event event(EventKind kind) const;
  /// NaN for an empty set.
  std::optional<Evaluation> measure(const ImageSet& set, const StopCheck& stop);
  /// Calls visit(BatchView, first sample) for each batch of the set, in order; false when `stop`
  /// said so.
  template <typename Visit>
  bool for_each_batch(const ImageSet& set, const StopCheck& stop, const Visit& visit);
  void record_steps();
  void record_epoch(const Evaluation& validation, const Evaluation& test);
  void tell_steps();
  void tell_step(const StepRecord& record) const;
  void check_finite(double value, std::string_view name, std::uint64_t step);

  Engine& engine_;
  const Dataset& dataset_;
  TrainingPlan plan_;
  const Clock& clock_;
  Log log_;
  Sampler sampler_;
  Observer observer_;

  std::uint64_t step_ = 0;
  RunningMetrics running_;  ///< of the epoch in progress, or just finished and not yet recorded
  std::vector<EpochRecord> history_;
  Evaluation last_test_;
  std::uint64_t evaluated_step_ = UINT64_MAX;  ///< at which last_test_ was measured
  std::int64_t last_step_ns_ = 0;
  std::uint64_t group_limit_ = 1;  ///< of steps that an observer is told of together
  std::int64_t group_began_ns_ = 0;
  bool has_gradients_ = false;
  bool divergence_is_told_ = false;
  std::vector<std::uint32_t> indices_;  ///< of an evaluation's batch
  // Of the steps that are done at once.
  std::vector<TrainingStep> steps_;
  std::vector<StepMetrics> metrics_;
  std::vector<StepRecord> records_;
};

}  // namespace spot
