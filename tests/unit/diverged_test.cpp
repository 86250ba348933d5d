// Training that has failed: numbers that are not finite, from the loss of a step to the files on the volume.

#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/finite.h"
#include "checkpoint/checkpoint_file.h"
#include "checkpoint/decoder.h"
#include "checkpoint/verify.h"
#include "session/benchmark.h"
#include "session/run.h"
#include "support/session_place.h"
#include "support/striped_images.h"

using namespace spot;
using namespace spot::test;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Sets one value of the engine's state.
void spoil(Engine& engine, const std::string& tensor, float value = NAN) {
  std::vector<float> state(engine.layout().size());
  engine.read_state(state);
  state[engine.layout().find(tensor)->offset] = value;
  engine.write_state(state);
}

struct Training {
  explicit Training(bool stop = true)
      : engine(softmax_spec()),
        trainer(engine, images.dataset,
                {.batch_size = 8, .total_steps = 21, .schedule = {.base_rate = 0.1}, .stop_when_diverged = stop}, clock,
                Log([this](LogLevel level, std::string_view text) {
                  if (level == LogLevel::kWarning) warnings.emplace_back(text);
                })) {}

  Images images;
  FakeClock clock;
  SoftmaxEngine engine;
  std::vector<std::string> warnings;
  Trainer trainer;
};

/// A store's folder, with the states that are saved there.
class Folder {
 public:
  explicit Folder(AllowedValues values) {
    open(values);
    layout_.add("weight", {70'000}, TensorRole::kParameter);
    layout_.add("weight/momentum", {70'000}, TensorRole::kAccumulator);
  }

  SaveReport save(std::uint64_t step, float last_value) {
    CheckpointMeta meta;
    meta.step = step;
    meta.run_id = "r1";
    std::vector<float> values(layout_.size(), 0.5F);
    values.back() = last_value;
    return store_->commit(meta, StateView(&layout_, values));
  }
  [[nodiscard]] fs::path path() const { return directory_.path() / "c"; }
  void open(AllowedValues values) {
    store_.reset();
    store_.emplace(path(), StoreOptions{{}, {}, values}, system_clock(), Log());
  }
  std::optional<Checkpoint> recover() { return store_->recover(); }
  std::optional<Checkpoint> recover_finite() {
    open(AllowedValues::kFinite);
    return store_->recover();
  }

 private:
  TemporaryDirectory directory_;
  StateLayout layout_;
  std::optional<CheckpointStore> store_;
};

std::vector<std::uint64_t> steps_in(const fs::path& folder) {
  std::vector<std::uint64_t> steps;
  for (const StoredFile& file : list_checkpoints(folder)) steps.push_back(file.step);
  return steps;
}

/// A session whose state loses a value right after that step.
std::unique_ptr<Session> open_failing(const Config& config, std::uint64_t step, const std::string& tensor,
                                      std::string* heard = nullptr) {
  auto session = open(config);
  Engine& engine = session->engine();
  session->trainer().set_observer({bit(EventKind::kStep) | bit(EventKind::kRunEnd), [=, &engine](const Event& event) {
                                     if (event.kind == EventKind::kStep && event.step == step) spoil(engine, tensor);
                                     if (event.kind != EventKind::kRunEnd || heard == nullptr) return;
                                     *heard = cat(to_text(static_cast<RunReason>(event.run_reason)), " ",
                                                  static_cast<int>(event.status), " ", event.message);
                                   }});
  return session;
}

}  // namespace

TEST_CASE("an infinity or a NaN is found wherever it stands, and nothing else is taken for one") {
  for (std::size_t size = 0; size < 70; ++size) {
    std::vector<float> values(size, -std::numeric_limits<float>::max());
    if (size > 2) values[2] = std::numeric_limits<float>::denorm_min();
    CHECK(all_finite(values));
    for (float& value : values) {
      const float before = value;
      for (const float bad : {kInfinity, -kInfinity, NAN, -NAN}) {
        value = bad;
        CHECK_FALSE(all_finite(values));
      }
      value = before;
    }
  }
}

TEST_CASE("a loss that is not finite ends training after that step, by its number and with a remedy") {
  Training training;
  training.engine.wanted = 4;
  std::string told;
  training.trainer.set_observer({bit(EventKind::kStep), [&](const Event& event) { told += cat(event.step, " "); }});
  training.trainer.train_steps(5, {});
  spoil(training.engine, "softmax.bias");
  const std::string message = message_of(Status::kDiverged, [&] { training.trainer.train_steps(5, {}); });
  CHECK(contains(message, "loss of step 6 "));
  CHECK(contains(message, "learning_rate"));
  CHECK(contains(message, "on_nan"));
  CHECK(contains(told, "5 6 "));
  CHECK(training.trainer.step() >= 6);
  CHECK(training.warnings.empty());
  // It stays so: another call does not train on as if nothing had happened.
  message_of(Status::kDiverged, [&] { training.trainer.train_step(); });
}

TEST_CASE("with on_nan=continue training goes on after one warning") {
  Training training(false);
  spoil(training.engine, "softmax.bias");
  CHECK(training.trainer.train_steps(5, {}).steps == 5);
  training.trainer.evaluate_position({});
  REQUIRE(training.warnings.size() == 1);
  CHECK(contains(training.warnings[0], "loss of step 1 "));
}

TEST_CASE("an evaluation whose loss is not finite is no evaluation: nothing is recorded and it stays due") {
  Training training;
  training.trainer.train_steps(7, {});
  spoil(training.engine, "softmax.bias");
  CHECK(
      contains(message_of(Status::kDiverged, [&] { training.trainer.evaluate_position({}); }), "test loss of step 7"));
  CHECK(training.trainer.history().empty());
  CHECK(training.trainer.evaluation_due());
  CHECK(std::isnan(training.trainer.last_test().accuracy));
  // Asked for by the host, it is given as it is.
  CHECK(std::isnan(training.trainer.evaluate(Split::kTest, {})->loss));
}

TEST_CASE("a state with a value that is not finite is not saved, the earlier ones stay, and the next save works") {
  Folder folder(AllowedValues::kFinite);
  folder.save(1, 0);
  for (const float bad : {kInfinity, static_cast<float>(NAN)}) {
    const std::string message = message_of(Status::kDiverged, [&] { folder.save(2, bad); });
    CHECK(contains(message, "'weight/momentum' after step 2"));
  }
  CHECK(steps_in(folder.path()) == std::vector<std::uint64_t>{1});
  folder.save(3, 0);
  CHECK(steps_in(folder.path()) == std::vector<std::uint64_t>{3, 1});
}

TEST_CASE("recovery passes over states that are not finite and leaves their files alone") {
  Folder folder(AllowedValues::kAny);
  folder.save(1, 0);
  folder.save(2, NAN);
  folder.save(3, kInfinity);
  CHECK(folder.recover()->meta.step == 3);
  CHECK(folder.recover_finite()->meta.step == 1);
  CHECK(steps_in(folder.path()) == std::vector<std::uint64_t>{3, 2, 1});

  const auto verdicts = verify_checkpoints(folder.path());
  CHECK(verdicts[0].state == FileState::kWhole);
  CHECK(contains(verdicts[0].error, "not finite"));
  CHECK_FALSE(verdicts[0].resume);
  CHECK(verdicts[2].resume);
  CHECK(find_checkpoint(folder.path()).checkpoint.meta.step == 1);
}

TEST_CASE("where no state is finite recovery refuses rather than start over") {
  Folder folder(AllowedValues::kAny);
  folder.save(1, NAN);
  folder.save(2, NAN);
  const std::string message = message_of(Status::kDiverged, [&] { folder.recover_finite(); });
  CHECK(contains(message, checkpoint_file_name(2, 2)));
  CHECK(contains(message, "on_nan"));
  CHECK(steps_in(folder.path()) == std::vector<std::uint64_t>{2, 1});
  CHECK(find_checkpoint(folder.path()).checkpoint.meta.step == 2);
}

TEST_CASE("a run that diverges says so, exports nothing, and goes on later from its last finite checkpoint") {
  const Place place;
  Config config = place.config("v");
  std::string end;
  message_of(Status::kDiverged, [&] { run(*open_failing(config, 13, "softmax.bias", &end), nullptr, nullptr); });
  CHECK(contains(end, cat("failed ", static_cast<int>(Status::kDiverged), " the loss of step 14 ")));
  CHECK(steps_in(place / "v" / "checkpoints") == std::vector<std::uint64_t>{10});
  CHECK(fs::is_empty(place / "v" / "models"));
  // The step that failed is in the log, without a number where there is none.
  CHECK(contains(read(place / "v" / "logs" / "r1.steps.csv"), "\nr1,2,14,,"));

  config.set_real("learning_rate", 0.01);
  config.set_text("allow_config_change", "true");
  const RunResult result = run(*open(config), nullptr, nullptr);
  CHECK(result.resumed);
  CHECK(result.reason == RunReason::kDone);
  CHECK_FALSE(contains(read(place / "v" / "logs" / "r1.steps.csv"), ",,"));
}

TEST_CASE("a state that the last update spoiled is neither saved nor exported, though every loss was finite") {
  const Place place;
  const auto session = open_failing(place.config("v"), 30, "softmax.weight/momentum");
  CHECK(contains(message_of(Status::kDiverged, [&] { run(*session, nullptr, nullptr); }), "momentum' after step 30"));
  CHECK(steps_in(place / "v" / "checkpoints") == std::vector<std::uint64_t>{20, 10});
  CHECK(fs::is_empty(place / "v" / "models"));
}

TEST_CASE("a save on the way that finds the state not finite ends the run") {
  const Place place;
  Config config = place.config("v");
  config.set_integer("checkpoint_steps", 5);
  message_of(Status::kDiverged, [&] { run(*open_failing(config, 15, "softmax.bias/momentum"), nullptr, nullptr); });
  CHECK(steps_in(place / "v" / "checkpoints") == std::vector<std::uint64_t>{10, 5});
}

TEST_CASE("a notice or a cancellation of a diverged run is not answered with run me again") {
  const Place place;
  const auto session = open(place.config("v"));
  const auto poller = quiet_poller();
  session->trainer().set_observer({bit(EventKind::kStep), [&](const Event& event) {
                                     if (event.step != 3) return;
                                     spoil(session->engine(), "softmax.bias");
                                     poller->notify(NoticeAction::kTerminate, "test");
                                   }});
  message_of(Status::kDiverged, [&] { run(*session, poller.get(), nullptr); });
  CancelToken cancel;
  cancel.trigger();
  message_of(Status::kDiverged, [&] { run(*session, nullptr, &cancel); });
}

TEST_CASE("what on_nan=continue saved is passed over by a run that stops, and taken up by one that continues") {
  const Place place;
  Config tolerant = place.config("v");
  tolerant.set_text("on_nan", "continue");
  CHECK(run(*open_failing(tolerant, 13, "softmax.bias"), nullptr, nullptr).reason == RunReason::kDone);
  CHECK(steps_in(place / "v" / "checkpoints").front() == 30);
  CHECK_FALSE(fs::is_empty(place / "v" / "models"));
  tolerant.set_integer("epochs", 4);
  CHECK(run(*open(tolerant), nullptr, nullptr).step == 40);

  Config strict = place.config("v");
  std::vector<std::string> warnings;
  const auto session = open(strict, Log([&](LogLevel level, std::string_view text) {
                              if (level == LogLevel::kWarning) warnings.emplace_back(text);
                            }));
  const RunResult result = run(*session, nullptr, nullptr);
  CHECK(result.resumed);
  CHECK(result.step == 30);
  CHECK(std::isfinite(result.test_loss));
  REQUIRE_FALSE(warnings.empty());
  CHECK(contains(warnings[0], "passed over"));
}

TEST_CASE("a benchmark of training that diverges fails rather than time it") {
  const Place place;
  const auto session = open(place.config("v"));
  spoil(session->engine(), "softmax.bias");
  message_of(Status::kDiverged, [&] { benchmark(*session, 0.01); });
}
