#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/finite.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

/// A notice of interruption, and a cancellation, are heard between groups of steps.
constexpr std::int64_t kLongestGroupNs = 20'000'000;

}  // namespace

Trainer::Trainer(Engine& engine, const Dataset& dataset, const TrainingPlan& plan, const Clock& clock, Log log)
    : engine_(engine),
      dataset_(dataset),
      plan_(plan),
      clock_(clock),
      log_(std::move(log)),
      sampler_(dataset.train.count, plan.batch_size, plan.seed),
      last_step_ns_(clock.monotonic_ns()) {}

StepRecord Trainer::train_step() {
  const StepRecord record = train_some(1).front();
  report_steps();
  return record;
}

std::span<const StepRecord> Trainer::train_some(std::uint64_t most) {
  // Steps asked for one by one may pass an epoch's end without an evaluation.
  if (at_unrecorded_epoch_end()) record_epoch({}, {});
  if (step_ % steps_per_epoch() == 0) {
    Event begin = event(EventKind::kEpochBegin);
    begin.epoch = epochs_done() + 1;
    observer_.tell(begin);
  }

  const std::uint64_t left_of_epoch = steps_per_epoch() - step_ % steps_per_epoch();
  std::uint64_t count =
      std::min({most, left_of_epoch, static_cast<std::uint64_t>(std::max(engine_.steps_at_once(), 1))});
  if (observer_.wants(EventKind::kStep)) count = std::min(count, group_limit_);
  group_began_ns_ = clock_.monotonic_ns();
  steps_.clear();
  for (std::uint64_t i = 0; i < count; ++i) {
    steps_.push_back(
        {batch_of(dataset_.train, sampler_.batch(step_ + i)), static_cast<float>(plan_.schedule.rate(step_ + i))});
  }
  metrics_.resize(count);
  engine_.train_steps(steps_, step_, metrics_);
  has_gradients_ = true;
  record_steps();
  return records_;
}

void Trainer::report_steps() {
  tell_steps();
  for (const StepRecord& record : records_) {
    check_finite(record.loss, "loss", record.step);
    check_finite(record.gradient_norm, "gradient norm", record.step);
  }
}

void Trainer::check_finite(double value, std::string_view name, std::uint64_t step) {
  if (std::isfinite(value)) return;
  const std::string what = cat("the ", name, " of step ", step);
  if (plan_.stop_when_diverged) fail_diverged(what);
  if (std::exchange(divergence_is_told_, true)) return;
  log_.warning(cat(what, " is not finite: training has diverged and goes on, since on_nan is continue"));
}

void Trainer::tell_steps() {
  if (!observer_.wants(EventKind::kStep)) return;
  for (const StepRecord& record : records_) tell_step(record);
  const auto count = static_cast<std::int64_t>(records_.size());
  const std::int64_t step_ns = (clock_.monotonic_ns() - group_began_ns_) / count + 1;
  group_limit_ = static_cast<std::uint64_t>(std::max(kLongestGroupNs / step_ns, std::int64_t{1}));
}

/// Enters the steps that the engine has done into the books.
void Trainer::record_steps() {
  std::int64_t samples = 0;
  for (const StepMetrics& metrics : metrics_) samples += metrics.samples;
  const std::int64_t now = clock_.monotonic_ns();
  const double seconds = to_seconds(now - std::exchange(last_step_ns_, now));
  records_.clear();
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    const StepMetrics& metrics = metrics_[i];
    ++step_;
    running_.loss_sum += metrics.loss * static_cast<double>(metrics.samples);
    running_.correct += static_cast<std::uint64_t>(metrics.correct);
    running_.samples += static_cast<std::uint64_t>(metrics.samples);
    records_.push_back({.step = step_,
                        .epoch = epoch(),
                        .samples = metrics.samples,
                        .correct = metrics.correct,
                        .loss = metrics.loss,
                        .learning_rate = plan_.schedule.rate(step_ - 1),
                        .gradient_norm = metrics.gradient_norm,
                        .samples_per_second = static_cast<double>(samples) / std::max(seconds, 1e-9)});
  }
}

StepSummary Trainer::train_steps(std::uint64_t count, const StopCheck& stop) {
  StepSummary summary;
  RunningMetrics total;
  const std::int64_t start = clock_.monotonic_ns();
  while (summary.steps < count && !(stop && stop())) {
    const auto records = train_some(count - summary.steps);
    for (const StepRecord& record : records) {
      ++summary.steps;
      total.loss_sum += record.loss * static_cast<double>(record.samples);
      total.correct += static_cast<std::uint64_t>(record.correct);
      total.samples += static_cast<std::uint64_t>(record.samples);
      summary.learning_rate = record.learning_rate;
      summary.gradient_norm = record.gradient_norm;
    }
    report_steps();
  }
  summary.seconds = to_seconds(clock_.monotonic_ns() - start);
  summary.samples = total.samples;
  if (total.samples == 0) return summary;
  summary.loss = total.loss_sum / static_cast<double>(total.samples);
  summary.accuracy = static_cast<double>(total.correct) / static_cast<double>(total.samples);
  return summary;
}

void Trainer::tell_step(const StepRecord& record) const {
  Event step = event(EventKind::kStep);
  step.step = record.step;
  step.epoch = record.epoch;
  step.loss = record.loss;
  step.accuracy = record.accuracy();
  step.learning_rate = record.learning_rate;
  step.gradient_norm = record.gradient_norm;
  step.samples_per_second = record.samples_per_second;
  observer_.tell(step);
}

Event Trainer::event(EventKind kind) const {
  return {.kind = kind, .step = step_, .epoch = epoch()};
}

bool Trainer::at_unrecorded_epoch_end() const {
  return step_ > 0 && step_ % steps_per_epoch() == 0 && (history_.empty() || history_.back().step < step_);
}

bool Trainer::evaluation_due() const {
  return at_unrecorded_epoch_end() || (step_ >= plan_.total_steps && evaluated_step_ != step_);
}

bool Trainer::evaluate_position(const StopCheck& stop) {
  const auto validation = measure(dataset_.validation, stop);
  if (!validation) return false;
  const auto test = measure(dataset_.test, stop);
  if (!test) return false;

  const bool has_validation = dataset_.validation.count > 0, has_test = dataset_.test.count > 0;
  Event evaluation = event(EventKind::kEvaluation);
  evaluation.validation_loss = validation->loss;
  evaluation.validation_accuracy = validation->accuracy;
  evaluation.test_loss = test->loss;
  evaluation.test_accuracy = test->accuracy;
  if (has_validation || has_test) observer_.tell(evaluation);
  if (has_test) check_finite(test->loss, "test loss", step_);
  if (has_validation) check_finite(validation->loss, "validation loss", step_);
  last_test_ = *test;
  evaluated_step_ = step_;
  if (at_unrecorded_epoch_end()) record_epoch(*validation, *test);
  return true;
}

void Trainer::record_epoch(const Evaluation& validation, const Evaluation& test) {
  const auto samples = static_cast<double>(running_.samples);
  const EpochRecord record{.epoch = epoch(),
                           .step = step_,
                           .train_loss = running_.loss_sum / samples,
                           .train_accuracy = static_cast<double>(running_.correct) / samples,
                           .validation_loss = validation.loss,
                           .validation_accuracy = validation.accuracy,
                           .test_loss = test.loss,
                           .test_accuracy = test.accuracy,
                           .learning_rate = plan_.schedule.rate(step_ - 1)};
  history_.push_back(record);
  running_ = {};

  Event end = event(EventKind::kEpochEnd);
  end.loss = record.train_loss;
  end.accuracy = record.train_accuracy;
  end.learning_rate = record.learning_rate;
  end.validation_loss = record.validation_loss;
  end.validation_accuracy = record.validation_accuracy;
  end.test_loss = record.test_loss;
  end.test_accuracy = record.test_accuracy;
  observer_.tell(end);
}

const ImageSet& Trainer::set_of(Split split) const {
  switch (split) {
    case Split::kTrain: return dataset_.train;
    case Split::kValidation:
      if (dataset_.validation.count == 0) {
        fail(Status::kOrder, "there is no validation set: set validation_size to have one");
      }
      return dataset_.validation;
    case Split::kTest:
      if (dataset_.test.count == 0) {
        fail(Status::kOrder, "there is no test set: the dataset has none");
      }
      return dataset_.test;
  }
  fail(Status::kInvalidArgument, "there is no such split of the dataset");
}

template <typename Visit>
bool Trainer::for_each_batch(const ImageSet& set, const StopCheck& stop, const Visit& visit) {
  for (std::uint32_t first = 0; first < set.count; first += plan_.batch_size) {
    if (stop && stop()) return false;
    indices_.resize(std::min(plan_.batch_size, set.count - first));
    std::iota(indices_.begin(), indices_.end(), first);
    visit(batch_of(set, indices_), first);
  }
  return true;
}

std::optional<Evaluation> Trainer::measure(const ImageSet& set, const StopCheck& stop) {
  if (set.count == 0) return Evaluation{};
  EvaluationMetrics total;
  const bool complete = for_each_batch(set, stop, [&](const BatchView& batch, std::uint32_t) {
    const EvaluationMetrics part = engine_.evaluate(batch);
    total.loss_sum += part.loss_sum;
    total.correct += part.correct;
    total.samples += part.samples;
  });
  // What an evaluation took is not to count as the time of the next step.
  last_step_ns_ = clock_.monotonic_ns();
  if (!complete) return std::nullopt;
  const auto samples = static_cast<double>(total.samples);
  return Evaluation{static_cast<std::uint64_t>(total.samples), total.loss_sum / samples,
                    static_cast<double>(total.correct) / samples};
}

std::optional<Evaluation> Trainer::evaluate(Split split, const StopCheck& stop) {
  const auto measured = measure(set_of(split), stop);
  if (!measured) return std::nullopt;
  Event evaluation = event(EventKind::kEvaluation);
  switch (split) {
    case Split::kTrain:
      evaluation.loss = measured->loss;
      evaluation.accuracy = measured->accuracy;
      break;
    case Split::kValidation:
      evaluation.validation_loss = measured->loss;
      evaluation.validation_accuracy = measured->accuracy;
      break;
    case Split::kTest:
      evaluation.test_loss = measured->loss;
      evaluation.test_accuracy = measured->accuracy;
      break;
  }
  observer_.tell(evaluation);
  return measured;
}

bool Trainer::count_confusion(Split split, const StopCheck& stop, std::span<std::uint64_t> counts) {
  const ImageSet& set = set_of(split);
  const std::size_t classes = dataset_.classes;
  std::vector<float> probabilities;
  return for_each_batch(set, stop, [&](const BatchView& batch, std::uint32_t first) {
    probabilities.resize(batch.indices.size() * classes);
    engine_.predict(batch, probabilities);
    for (std::size_t i = 0; i < batch.indices.size(); ++i) {
      const auto row = probabilities.begin() + static_cast<std::ptrdiff_t>(i * classes);
      const auto best = std::max_element(row, row + static_cast<std::ptrdiff_t>(classes)) - row;
      ++counts[set.labels[first + i] * classes + static_cast<std::size_t>(best)];
    }
  });
}

void Trainer::restore(TrainingPosition position, std::span<const float> state) {
  engine_.write_state(state);
  step_ = position.step;
  // Sums over a part of an epoch mean nothing when epochs have another length now.
  running_ = position.steps_per_epoch == steps_per_epoch() ? position.running : RunningMetrics{};
  history_ = std::move(position.history);
  has_gradients_ = false;
  last_test_ = {};
  evaluated_step_ = UINT64_MAX;
  if (!history_.empty()) {
    last_test_ = {dataset_.test.count, history_.back().test_loss, history_.back().test_accuracy};
    if (history_.back().step == step_ && is_evaluated(history_.back())) evaluated_step_ = step_;
  }
}

/// An epoch that steps asked for one by one passed is recorded without its evaluation.
bool Trainer::is_evaluated(const EpochRecord& record) const {
  if (dataset_.test.count > 0) return std::isfinite(record.test_loss);
  return dataset_.validation.count == 0 || std::isfinite(record.validation_loss);
}

}  // namespace spot
