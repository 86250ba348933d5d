#include "session/checkpoint_meta.h"

namespace spot {
namespace {

SavedEpoch to_saved(const EpochRecord& record) {
  return {.epoch = record.epoch,
          .step = record.step,
          .train_loss = record.train_loss,
          .train_accuracy = record.train_accuracy,
          .validation_loss = record.validation_loss,
          .validation_accuracy = record.validation_accuracy,
          .test_loss = record.test_loss,
          .test_accuracy = record.test_accuracy,
          .learning_rate = record.learning_rate};
}

EpochRecord to_record(const SavedEpoch& saved) {
  return {.epoch = saved.epoch,
          .step = saved.step,
          .train_loss = saved.train_loss,
          .train_accuracy = saved.train_accuracy,
          .validation_loss = saved.validation_loss,
          .validation_accuracy = saved.validation_accuracy,
          .test_loss = saved.test_loss,
          .test_accuracy = saved.test_accuracy,
          .learning_rate = saved.learning_rate};
}

}  // namespace

void describe_position(const TrainingPosition& position, bool has_validation, CheckpointMeta& meta) {
  meta.step = position.step;
  meta.epoch = position.step / position.steps_per_epoch;
  meta.steps_per_epoch = position.steps_per_epoch;
  meta.running = {position.running.loss_sum, position.running.correct, position.running.samples};
  meta.best_accuracy = -1;
  meta.history.clear();
  for (const EpochRecord& record : position.history) {
    const double accuracy = has_validation ? record.validation_accuracy : record.test_accuracy;
    // A NaN compares false, so an epoch without an evaluation never counts.
    if (accuracy > meta.best_accuracy) meta.best_accuracy = accuracy;
    meta.history.push_back(to_saved(record));
  }
}

TrainingPosition position_of(const CheckpointMeta& meta) {
  TrainingPosition position{.step = meta.step,
                            .steps_per_epoch = meta.steps_per_epoch,
                            .running = {meta.running.loss_sum, meta.running.correct, meta.running.samples},
                            .history = {}};
  for (const SavedEpoch& saved : meta.history) position.history.push_back(to_record(saved));
  return position;
}

}  // namespace spot
