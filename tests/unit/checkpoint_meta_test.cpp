#include "session/checkpoint_meta.h"

#include <cmath>

#include <doctest/doctest.h>

using namespace spot;

namespace {

TrainingPosition position() {
  return {.step = 25,
          .steps_per_epoch = 10,
          .running = {.loss_sum = 1.5, .correct = 3, .samples = 4},
          .history = {{1, 10, 0.5, 0.6, 0.7, 0.81, 0.9, 0.95, 0.01}, {2, 20, 0.4, 0.7, NAN, NAN, 0.8, 0.96, 0.02}}};
}

}  // namespace

TEST_CASE("a training position comes back from a checkpoint's description as it was") {
  CheckpointMeta meta;
  describe_position(position(), false, meta);
  CHECK(meta.epoch == 2);
  const TrainingPosition back = position_of(meta), was = position();
  CHECK(back.step == was.step);
  CHECK(back.steps_per_epoch == was.steps_per_epoch);
  CHECK(back.running.loss_sum == was.running.loss_sum);
  CHECK(back.running.correct == was.running.correct);
  CHECK(back.running.samples == was.running.samples);
  REQUIRE(back.history.size() == 2);
  const EpochRecord &first = back.history[0], &second = back.history[1];
  CHECK(first.epoch == 1);
  CHECK(first.step == 10);
  CHECK(first.train_loss == 0.5);
  CHECK(first.train_accuracy == 0.6);
  CHECK(first.validation_loss == 0.7);
  CHECK(first.validation_accuracy == 0.81);
  CHECK(first.test_loss == 0.9);
  CHECK(first.test_accuracy == 0.95);
  CHECK(first.learning_rate == 0.01);
  CHECK(second.epoch == 2);
  CHECK(std::isnan(second.validation_loss));
}

TEST_CASE("the best accuracy is by validation where there is a validation set, and -1 before any epoch") {
  CheckpointMeta meta;
  describe_position(position(), false, meta);
  CHECK(meta.best_accuracy == 0.96);
  describe_position(position(), true, meta);
  CHECK(meta.best_accuracy == 0.81);
  describe_position({.step = 0, .steps_per_epoch = 10, .running = {}, .history = {}}, true, meta);
  CHECK(meta.best_accuracy == -1);
}
