#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/status.h"
#include "base/text.h"
#include "support/failure.h"
#include "support/softmax_engine.h"
#include "support/striped_images.h"
#include "support/text.h"
#include "train/statistics.h"
#include "train/trainer.h"

using namespace spot;
using namespace spot::test;

namespace {

bool never() {
  return false;
}

TrainingPlan plan(std::uint64_t steps = 21) {
  return {.batch_size = 8,
          .seed = 1,
          .total_steps = steps,
          .schedule = {.kind = ScheduleKind::kCosine, .base_rate = 0.1, .total_steps = steps}};
}

/// An engine and its trainer.
struct Training {
  explicit Training(const Dataset& dataset, std::uint64_t steps = 21)
      : engine(softmax_spec()), trainer(engine, dataset, plan(steps), clock) {}

  void finish() {
    while (!trainer.done()) {
      if (trainer.evaluation_due()) {
        trainer.evaluate_position(never);
      } else {
        trainer.train_step();
      }
    }
  }
  [[nodiscard]] std::vector<float> state() const {
    std::vector<float> values(engine.layout().size());
    engine.read_state(values);
    return values;
  }

  FakeClock clock;
  SoftmaxEngine engine;
  Trainer trainer;
};

bool equal(const EpochRecord& a, const EpochRecord& b) {
  const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
  return a.epoch == b.epoch && a.step == b.step && same(a.train_loss, b.train_loss) &&
         same(a.train_accuracy, b.train_accuracy) && same(a.test_loss, b.test_loss) &&
         same(a.test_accuracy, b.test_accuracy) && same(a.learning_rate, b.learning_rate);
}

}  // namespace

TEST_CASE("without a test set nothing is tested, and a finished run that is restored is still finished") {
  for (const std::uint32_t validation_size : {0U, 9U}) {
    CAPTURE(validation_size);
    Images images;
    images.dataset.test = images.dataset.train.part(0, 0);
    images.dataset.split_off_validation(validation_size);
    Training training(images.dataset, 15);
    int evaluations = 0;
    training.trainer.set_observer({static_cast<std::uint32_t>(EventKind::kEvaluation), [&](const Event& event) {
                                     ++evaluations;
                                     CHECK(std::isnan(event.test_loss));
                                     CHECK(std::isfinite(event.validation_loss));
                                   }});
    training.finish();
    const bool validates = validation_size > 0;
    CHECK(training.trainer.step() == 15);
    CHECK(evaluations == (validates ? 3 : 0));
    CHECK(std::isnan(training.trainer.last_test().loss));
    REQUIRE(training.trainer.history().size() == 2);
    CHECK(std::isnan(training.trainer.history()[0].test_accuracy));
    CHECK(std::isfinite(training.trainer.history()[0].validation_accuracy) == validates);
    CHECK(message_of(Status::kOrder, [&] { training.trainer.evaluate(Split::kTest, never); }) ==
          "there is no test set: the dataset has none");
    Training again(images.dataset, training.trainer.steps_per_epoch());
    again.finish();
    Training restored(images.dataset, training.trainer.steps_per_epoch());
    restored.trainer.restore(again.trainer.position(), again.state());
    CHECK(restored.trainer.done());
  }
}

TEST_CASE("each schedule is the function of the step that its formula says") {
  Schedule schedule{.base_rate = 0.5, .total_steps = 100, .period_steps = 30, .gamma = 0.1};
  CHECK(schedule.rate(0) == 0.5F);
  CHECK(schedule.rate(1000) == 0.5F);

  schedule.kind = ScheduleKind::kStep;
  CHECK(schedule.rate(29) == 0.5F);
  CHECK(schedule.rate(30) == doctest::Approx(0.05));
  CHECK(schedule.rate(90) == doctest::Approx(0.0005));

  schedule.kind = ScheduleKind::kCosine;
  CHECK(schedule.rate(0) == 0.5F);
  CHECK(schedule.rate(50) == doctest::Approx(0.25));
  CHECK(schedule.rate(100) == doctest::Approx(0.0));
  CHECK(schedule.rate(170) == doctest::Approx(0.0));

  schedule.kind = ScheduleKind::kOneCycle;
  CHECK(schedule.rate(0) == doctest::Approx(0.5 / 25));
  CHECK(schedule.rate(15) == doctest::Approx((0.5 + 0.5 / 25) / 2));
  CHECK(schedule.rate(30) == 0.5F);
  CHECK(schedule.rate(100) == doctest::Approx(0.5 / 25e4));
}

TEST_CASE("warm-up reaches the scheduled rate in equal parts") {
  const Schedule schedule{.base_rate = 1, .warmup_steps = 4};
  CHECK(schedule.rate(0) == 0.25F);
  CHECK(schedule.rate(1) == 0.5F);
  CHECK(schedule.rate(3) == 1.0F);
  CHECK(schedule.rate(4) == 1.0F);
}

TEST_CASE("a run restored at any step, evaluated or not, ends in the same bytes and books") {
  const Images images;
  Training whole(images.dataset);
  whole.finish();
  const std::vector<EpochRecord>& expected = whole.trainer.history();
  REQUIRE(expected.size() == 3);
  CHECK(whole.trainer.last_test().accuracy > 0.9);

  for (std::uint64_t step = 0; step <= 21; ++step) {
    for (const bool evaluated : {false, true}) {
      Training first(images.dataset);
      while (first.trainer.step() < step) {
        if (first.trainer.evaluation_due()) {
          first.trainer.evaluate_position(never);
        } else {
          first.trainer.train_step();
        }
      }
      if (evaluated && first.trainer.evaluation_due()) first.trainer.evaluate_position(never);
      Training second(images.dataset);
      second.trainer.restore(first.trainer.position(), first.state());
      second.finish();
      CHECK(second.state() == whole.state());
      const std::vector<EpochRecord>& history = second.trainer.history();
      REQUIRE(history.size() == 3);
      for (std::size_t i = 0; i < 3; ++i) CHECK(equal(history[i], expected[i]));
    }
  }
}

TEST_CASE("steps that an engine wants at once end at the epoch and at the count, and are the same steps") {
  const Images images;
  Training one_by_one(images.dataset), together(images.dataset);
  together.engine.wanted = 5;
  std::string heard[2];
  for (Training* training : {&one_by_one, &together}) {
    std::string& text = heard[training == &together];
    training->trainer.set_observer(
        {static_cast<std::uint32_t>(EventKind::kStep) | static_cast<std::uint32_t>(EventKind::kEpochEnd),
         [&](const Event& event) { text += cat(event.step, "/", event.epoch, ":", event.loss, " "); }});
    const StepSummary summary = training->trainer.train_steps(20, never);
    CHECK(summary.steps == 20);
    CHECK(summary.samples == 2 * 53 + 6 * 8);
    CHECK(training->trainer.step() == 20);
    CHECK(training->trainer.history().size() == 2);
  }
  // Only once it is known what the observer takes is it told of several together.
  CHECK(together.engine.handed == std::vector<std::size_t>{1, 5, 1, 5, 2, 5, 1});
  CHECK(heard[0] == heard[1]);
  CHECK(together.state() == one_by_one.state());
  CHECK(together.trainer.position().running.loss_sum == one_by_one.trainer.position().running.loss_sum);

  int asked = 0;
  CHECK(together.trainer.train_steps(8, [&] { return ++asked == 3; }).steps == 1 + 5);
}

TEST_CASE("an observer of steps that takes long is told of few together, so that a stop is heard soon") {
  const Images images;
  Training training(images.dataset);
  training.engine.wanted = 32;
  training.trainer.set_observer({static_cast<std::uint32_t>(EventKind::kStep), [&](const Event& event) {
                                   training.clock.advance(std::chrono::milliseconds(event.step < 4 ? 9 : 50));
                                 }});
  training.trainer.train_steps(7, never);
  CHECK(training.engine.handed == std::vector<std::size_t>{1, 2, 2, 1, 1});
}

TEST_CASE("an evaluation that is stopped changes nothing and is due again") {
  const Images images;
  Training training(images.dataset);
  training.trainer.train_steps(7, never);
  REQUIRE(training.trainer.evaluation_due());
  int asked = 0;
  CHECK_FALSE(training.trainer.evaluate_position([&] { return ++asked == 2; }));
  CHECK(training.trainer.evaluation_due());
  CHECK(training.trainer.history().empty());
  CHECK(training.trainer.evaluate_position(never));
  CHECK_FALSE(training.trainer.evaluation_due());
  CHECK(training.trainer.history().back().epoch == 1);
  CHECK(training.trainer.history().back().step == 7);
}

TEST_CASE("steps asked for one by one pass an epoch's end without an evaluation") {
  const Images images;
  Training training(images.dataset);
  training.trainer.train_steps(8, never);
  REQUIRE(training.trainer.history().size() == 1);
  CHECK(training.trainer.history()[0].step == 7);
  CHECK(std::isfinite(training.trainer.history()[0].train_loss));
  CHECK(std::isnan(training.trainer.history()[0].test_loss));
}

TEST_CASE("a run that ends within an epoch is evaluated there") {
  const Images images;
  Training training(images.dataset, 10);
  training.finish();
  CHECK(training.trainer.step() == 10);
  CHECK(training.trainer.history().size() == 1);
  CHECK(training.trainer.last_test().samples == 20);
}

TEST_CASE("the observer hears the stages it asked for, in order, with their numbers") {
  const Images images;
  Training training(images.dataset, 7);
  std::string heard;
  const auto bit = [](EventKind kind) { return static_cast<std::uint32_t>(kind); };
  training.trainer.set_observer(
      {bit(EventKind::kEpochBegin) | bit(EventKind::kStep) | bit(EventKind::kEvaluation) | bit(EventKind::kEpochEnd),
       [&](const Event& event) {
         heard += cat(static_cast<int>(event.kind), "@", event.step, " ");
         if (event.kind == EventKind::kStep) CHECK(event.gradient_norm > 0);
         if (event.kind == EventKind::kEpochEnd) CHECK(event.test_accuracy >= 0);
         CHECK(event.epoch == 1);
       }});
  training.finish();
  CHECK(heard == "4@0 16@1 16@2 16@3 16@4 16@5 16@6 16@7 32@7 8@7 ");
}

TEST_CASE("the confusion matrix counts every sample once and its diagonal is the accuracy") {
  const Images images;
  Training training(images.dataset);
  training.finish();
  std::vector<std::uint64_t> counts(9);
  CHECK(training.trainer.count_confusion(Split::kTest, never, counts));
  std::uint64_t total = 0;
  for (const std::uint64_t count : counts) total += count;
  CHECK(total == 20);
  CHECK(static_cast<double>(counts[0] + counts[4] + counts[8]) / 20 == training.trainer.last_test().accuracy);
}

TEST_CASE("a split that the dataset does not have is refused") {
  const Images images;
  Training training(images.dataset);
  CHECK(contains(message_of(Status::kOrder, [&] { training.trainer.evaluate(Split::kValidation, never); }),
                 "validation_size"));
  message_of(Status::kInvalidArgument, [&] { training.trainer.evaluate(static_cast<Split>(7), never); });
}

TEST_CASE("parameter statistics are those of the values") {
  const Images images;
  Training training(images.dataset);
  training.trainer.train_steps(3, never);
  const auto statistics = parameter_statistics(training.engine, true);
  REQUIRE(statistics.size() == 2);
  CHECK(statistics[0].name == "softmax.weight");
  CHECK(statistics[0].size == 48);
  CHECK(statistics[0].minimum <= statistics[0].mean);
  CHECK(statistics[0].mean <= statistics[0].maximum);
  CHECK(statistics[0].gradient_norm > 0);
  CHECK(std::isnan(parameter_statistics(training.engine, false)[0].gradient_norm));
}
