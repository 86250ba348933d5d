#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "data/sampler.h"
#include "support/failure.h"
#include "support/softmax_engine.h"
#include "support/temporary_directory.h"
#include "support/text.h"
#include "train/csv_log.h"
#include "train/model_export.h"
#include "train/resume_check.h"
#include "train/save_policy.h"
#include "train/statistics.h"
#include "train/trainer.h"

using namespace spot;
using spot::test::contains;
using spot::test::message_of;
using spot::test::SoftmaxEngine;
using spot::test::TemporaryDirectory;

namespace {

constexpr std::uint32_t kSide = 4;
constexpr std::uint32_t kPixels = kSide * kSide;

std::string read(const std::filesystem::path& path) {
  return read_text_file(path, 1 << 20);
}

bool never() {
  return false;
}

/// 53 training images (7 steps of 8, the last smaller), 20 for testing, 3 classes.
class Images {
 public:
  Images() {
    for (std::uint32_t i = 0; i < 53 + 20; ++i) {
      labels_.push_back(static_cast<std::uint8_t>(i % 3));
      for (std::uint32_t p = 0; p < kPixels; ++p) {
        pixels_.push_back(static_cast<std::uint8_t>(p % 3 == i % 3 ? 200 : (i * 37 + p * 11) % 90));
      }
    }
    dataset.name = "test images";
    dataset.classes = 3;
    dataset.fingerprint = "0123";
    dataset.train = part(0, 53);
    dataset.test = part(53, 20);
  }
  [[nodiscard]] ImageSet part(std::uint32_t first, std::uint32_t count) const {
    return {std::span(pixels_).subspan(first * kPixels, count * kPixels), std::span(labels_).subspan(first, count),
            count, kSide, kSide};
  }

  Dataset dataset;

 private:
  std::vector<std::uint8_t> pixels_;
  std::vector<std::uint8_t> labels_;
};

EngineSpec softmax_spec() {
  EngineSpec spec;
  spec.model.name = "softmax";
  spec.model.input = {1, kSide, kSide};
  spec.model.classes = 3;
  spec.batch_size = 8;
  return spec;
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
  [[nodiscard]] Checkpoint checkpoint() const {
    Checkpoint result;
    trainer.describe(result.meta);
    result.layout = engine.layout();
    result.values.resize(result.layout.size());
    engine.read_state(result.values);
    return result;
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

TEST_CASE("a save is due by epochs, by steps and by time, and by none of them when all are off") {
  const std::string epoch = "epoch";
  const std::string interval = "interval";
  const SavePolicy policy{.every_steps = 4, .every_epochs = 2, .every_ns = 1000};
  CHECK(policy.due(3, 10, 0) == nullptr);
  CHECK(policy.due(4, 10, 0) == interval);
  CHECK(policy.due(10, 10, 0) == nullptr);
  CHECK(policy.due(20, 10, 0) == epoch);
  CHECK(policy.due(3, 10, 999) == nullptr);
  CHECK(policy.due(3, 10, 1000) == interval);
  CHECK(SavePolicy{0, 0, 0}.due(20, 10, INT64_MAX) == nullptr);
  CHECK(policy.steps_until_due(0) == 4);
  CHECK(policy.steps_until_due(3) == 1);
  CHECK(policy.steps_until_due(4) == 4);
  CHECK(SavePolicy{0, 0, 0}.steps_until_due(20) == UINT64_MAX);
}

TEST_CASE("a run restored at any step, evaluated or not, ends in the same bytes and books") {
  const Images images;
  Training whole(images.dataset);
  whole.finish();
  const Checkpoint expected = whole.checkpoint();
  REQUIRE(expected.meta.history.size() == 3);
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
      second.trainer.restore(first.checkpoint());
      second.finish();
      const Checkpoint result = second.checkpoint();
      CHECK(result.values == expected.values);
      REQUIRE(result.meta.history.size() == 3);
      for (std::size_t i = 0; i < 3; ++i) {
        CHECK(equal(result.meta.history[i], expected.meta.history[i]));
      }
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
        {1U << static_cast<unsigned>(Stage::kStep) | 1U << static_cast<unsigned>(Stage::kEpochEnd),
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
  CHECK(together.checkpoint().values == one_by_one.checkpoint().values);
  CHECK(together.checkpoint().meta.running.loss_sum == one_by_one.checkpoint().meta.running.loss_sum);

  int asked = 0;
  CHECK(together.trainer.train_steps(8, [&] { return ++asked == 3; }).steps == 1 + 5);
}

TEST_CASE("an observer of steps that takes long is told of few together, so that a stop is heard soon") {
  const Images images;
  Training training(images.dataset);
  training.engine.wanted = 32;
  training.trainer.set_observer({1U << static_cast<unsigned>(Stage::kStep), [&](const Event& event) {
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
  const auto bit = [](Stage stage) { return 1U << static_cast<unsigned>(stage); };
  training.trainer.set_observer(
      {bit(Stage::kEpochBegin) | bit(Stage::kStep) | bit(Stage::kEvaluation) | bit(Stage::kEpochEnd),
       [&](const Event& event) {
         heard += cat(static_cast<int>(event.stage), "@", event.step, " ");
         if (event.stage == Stage::kStep) CHECK(event.gradient_norm > 0);
         if (event.stage == Stage::kEpochEnd) CHECK(event.test_accuracy >= 0);
         CHECK(event.epoch == 1);
       }});
  training.finish();
  CHECK(heard == "3@0 5@1 5@2 5@3 5@4 5@5 5@6 5@7 6@7 4@7 ");
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

TEST_CASE("the logs have one header and no row twice, whatever they held beyond the checkpoint") {
  const TemporaryDirectory directory;
  const Fd staging = open_directory(directory.path());
  const std::vector<EpochRecord> history = {{.epoch = 1,
                                             .step = 2,
                                             .train_loss = 0.5,
                                             .train_accuracy = 0.75,
                                             .validation_loss = Event::kNone,
                                             .validation_accuracy = Event::kNone,
                                             .test_loss = 0.25,
                                             .test_accuracy = 0.9925,
                                             .learning_rate = 0.1F}};
  const auto step = [](std::uint64_t number) {
    return StepRecord{
        .step = number, .epoch = 1, .samples = 4, .correct = 3, .loss = 1.5, .learning_rate = 0.1F, .gradient_norm = 2};
  };
  {
    CsvLog log(directory.path(), staging, "r1", {}, 0, {});
    for (const std::uint64_t number : {1U, 2U, 3U, 4U}) log.add(step(number));
    log.add(history[0]);
    log.add(history[0]);
  }
  std::ofstream(directory / "r1.steps.csv", std::ios::app) << "r1,1,5,0.1";  // killed while writing
  {
    CsvLog log(directory.path(), staging, "r1", history, 2, {});
    log.add(step(3));
  }
  CHECK(read(directory / "r1.csv") ==
        "run_id,epoch,step,train_loss,train_accuracy,validation_loss,validation_accuracy,test_loss,"
        "test_accuracy,learning_rate\n"
        "r1,1,2,0.5,0.75,,,0.25,0.9925,0.1\n");
  CHECK(read(directory / "r1.steps.csv") ==
        "run_id,epoch,step,loss,accuracy,learning_rate,gradient_norm\n"
        "r1,1,1,1.5,0.75,0.1,2\nr1,1,2,1.5,0.75,0.1,2\nr1,1,3,1.5,0.75,0.1,2\n");
}

TEST_CASE("a torn last row is cut off even when its step is old enough to stay") {
  const TemporaryDirectory directory;
  const Fd staging = open_directory(directory.path());
  { CsvLog log(directory.path(), staging, "r1", {}, 0, {}); }
  std::ofstream(directory / "r1.steps.csv", std::ios::app) << "r1,1,1,0.5,0.5,1,1\nr1,1,2,0.5,";
  { CsvLog log(directory.path(), staging, "r1", {}, 9, {}); }
  CHECK(read(directory / "r1.steps.csv") ==
        "run_id,epoch,step,loss,accuracy,learning_rate,gradient_norm\nr1,1,1,0.5,0.5,1,1\n");
}

TEST_CASE("hostile files in a log's place: links stay unfollowed, endless rows are cut off") {
  const TemporaryDirectory directory;
  const std::string header = "run_id,epoch,step,loss,accuracy,learning_rate,gradient_norm\n";
  std::ofstream(directory / "precious") << "precious";
  std::filesystem::create_symlink(directory / "precious", directory / "r1.csv");
  std::filesystem::create_symlink(directory / "precious", directory / "r1.steps.csv");
  const Fd staging = open_directory(directory.path());
  CsvLog(directory.path(), staging, "r1", {}, 0, {}).add(StepRecord{.step = 1, .samples = 1});
  CHECK(read(directory / "precious") == "precious");
  // A row that is longer than memory, in a file that takes no place on the disk.
  std::ofstream(directory / "r2.steps.csv") << header << "r2,1,1,0,0,0,0\n";
  std::filesystem::resize_file(directory / "r2.steps.csv", std::uintmax_t{1} << 40);
  { CsvLog log(directory.path(), staging, "r2", {}, 5, {}); }
  CHECK(read(directory / "r2.steps.csv") == header + "r2,1,1,0,0,0,0\n");
}

TEST_CASE("a log that cannot be written is a warning and nothing else") {
  const TemporaryDirectory directory;
  const Fd staging = open_directory(directory.path());
  std::vector<std::string> warnings;
  const Log log([&](LogLevel level, std::string_view text) {
    if (level == LogLevel::kWarning) warnings.emplace_back(text);
  });
  CsvLog csv(directory / "no such folder", staging, "r1", {}, 0, log);
  csv.add(StepRecord{.step = 1, .epoch = 1, .samples = 1});
  REQUIRE(warnings.size() == 1);
  CHECK(contains(warnings[0], "no such folder"));
}

TEST_CASE("an exported model is a safetensors file of parameters and statistics") {
  const TemporaryDirectory directory;
  StateLayout layout;
  layout.add("a.weight", {2, 3}, TensorRole::kParameter);
  layout.add("a.mean", {2}, TensorRole::kStatistic);
  layout.add("a.weight/momentum", {2, 3}, TensorRole::kAccumulator);
  std::vector<float> values(layout.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const ExportedModel model =
      export_model(directory / "m.v1", "{\"x\":1}", {&layout, values}, {{"format", "spot-trainer"}});

  CHECK(model.architecture == directory / "m.v1.json");
  CHECK(read(model.architecture) == "{\"x\":1}");
  const std::string file = read(model.weights);
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, file.data(), 8);
  CHECK((8 + header_size) % 8 == 0);
  const auto header = nlohmann::json::parse(file.substr(8, header_size));
  CHECK(header.size() == 3);
  CHECK(header["__metadata__"]["format"] == "spot-trainer");
  CHECK(header["a.weight"]["dtype"] == "F32");
  CHECK(header["a.weight"]["shape"] == std::vector<int>{2, 3});
  CHECK(header["a.weight"]["data_offsets"] == std::vector<int>{0, 24});
  CHECK(header["a.mean"]["data_offsets"] == std::vector<int>{24, 32});
  REQUIRE(file.size() == 8 + header_size + 32);
  CHECK(std::memcmp(file.data() + 8 + header_size, values.data(), 32) == 0);
}

namespace {

/// A checkpoint and a present run that agree, to be made to differ.
class Resumption {
 public:
  Resumption() : engine_(spec()) {
    config.set_integer("batch_size", 8);
    checkpoint.meta.run_id = "r1";
    checkpoint.meta.model_json = model_to_json(spec().model);
    checkpoint.meta.config = config.values();
    checkpoint.meta.dataset_name = "test images";
    checkpoint.meta.dataset_fingerprint = "0123";
    checkpoint.meta.library_version = "1.0";
    checkpoint.meta.code_version = "abc";
    checkpoint.meta.device = "cpu";
    checkpoint.meta.instruction_set = "plain";
    checkpoint.layout = engine_.layout();
  }

  std::vector<std::string> check() {
    return check_resume(checkpoint, {config, model, images.dataset, engine_, "abc", "1.0"});
  }
  std::string refusal() {
    return message_of(Status::kMismatch, [this] { check(); });
  }

  Images images;
  Config config;
  Checkpoint checkpoint;
  ModelSpec model = spec().model;

 private:
  static EngineSpec spec() {
    EngineSpec result = softmax_spec();
    result.model = preset_model("mlp", {1, kSide, kSide}, 3);
    return result;
  }
  SoftmaxEngine engine_;
};

}  // namespace

TEST_CASE("a checkpoint of the same run resumes without a word") {
  Resumption resumption;
  CHECK(resumption.check().empty());
  resumption.config.set_text("epochs", "99");
  resumption.config.set_text("threads", "3");
  resumption.config.set_text("run_id", "r1");
  CHECK(resumption.check().empty());
}

TEST_CASE("each key that determines the results is refused by name, with both values and a remedy") {
  for (const ConfigKey& key : config_keys()) {
    if (key.resume != ResumeRule::kExact) continue;
    CAPTURE(key.name);
    Resumption resumption;
    const std::string now = resumption.config.text(key.name);
    resumption.checkpoint.meta.config[std::string(key.name)] = "other";
    CHECK(contains(resumption.refusal(), cat(key.name, " other -> ", now)));
    CHECK(contains(resumption.refusal(), "allow_config_change"));
    resumption.config.set_text("allow_config_change", "true");
    const auto reported = resumption.check();
    REQUIRE(reported.size() == 1);
    CHECK(contains(reported[0], cat(key.name, " other -> ", now)));
  }
}

TEST_CASE("the length of a run may change unless its schedule depends on it") {
  for (const std::string schedule : {"cosine", "one-cycle"}) {
    Resumption resumption;
    resumption.config.set_text("schedule", schedule);
    resumption.checkpoint.meta.config = resumption.config.values();
    resumption.config.set_text("epochs", "24");
    CHECK(contains(resumption.refusal(), "epochs 12 -> 24"));
  }
  Resumption resumption;
  resumption.config.set_text("schedule", "step");
  resumption.checkpoint.meta.config = resumption.config.values();
  resumption.config.set_text("epochs", "24");
  CHECK(resumption.check().empty());
}

TEST_CASE("another dataset or run_id is refused unless allowed") {
  Resumption resumption;
  resumption.checkpoint.meta.dataset_fingerprint = "4567";
  resumption.config.set_text("run_id", "r2");
  const std::string refusal = resumption.refusal();
  CHECK(contains(refusal, "dataset test images 4567 -> test images 0123"));
  CHECK(contains(refusal, "run_id r1 -> r2"));
  resumption.config.set_text("allow_config_change", "true");
  CHECK(resumption.check().size() == 2);
}

TEST_CASE("another model or other tensors are refused even when changes are allowed") {
  Resumption resumption;
  resumption.config.set_text("allow_config_change", "true");
  resumption.checkpoint.meta.model_json = model_to_json(preset_model("mlp", {1, kSide, kSide}, 4));
  CHECK(contains(resumption.refusal(), "another model"));
  resumption.checkpoint.meta.model_json = "no JSON";
  CHECK(contains(resumption.refusal(), "another model"));

  Resumption other_tensors;
  other_tensors.config.set_text("allow_config_change", "true");
  other_tensors.checkpoint.layout = {};
  other_tensors.checkpoint.layout.add("softmax.weight", {3, 17}, TensorRole::kParameter);
  CHECK(contains(other_tensors.refusal(), "tensor 0 was 'softmax.weight'"));
}

TEST_CASE("what computed the checkpoint is reported when it changed, never refused") {
  Resumption resumption;
  resumption.checkpoint.meta.code_version = "xyz";
  resumption.checkpoint.meta.library_version = "0.9";
  resumption.checkpoint.meta.device = "cuda";
  resumption.checkpoint.meta.instruction_set = "sm_90";
  const auto reported = resumption.check();
  REQUIRE(reported.size() == 4);
  CHECK(contains(reported[0], "code_version xyz -> abc"));
  CHECK(contains(reported[1], "library_version 0.9 -> 1.0"));
  CHECK(contains(reported[2], "device cuda -> cpu"));
  CHECK(contains(reported[3], "instruction_set sm_90 -> plain"));
}
