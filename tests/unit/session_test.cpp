#include <cmath>
#include <csignal>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "checkpoint/checkpoint_file.h"
#include "checkpoint/decoder.h"
#include "session/benchmark.h"
#include "session/code_version.h"
#include "session/options.h"
#include "session/run.h"
#include "session/run_id.h"
#include "support/failure.h"
#include "support/small_dataset.h"
#include "support/softmax_engine.h"
#include "support/temporary_directory.h"
#include "support/text.h"

using namespace spot;
using spot::test::contains;
using spot::test::message_of;
using spot::test::SmallDataset;
using spot::test::softmax_backend;
using spot::test::SoftmaxEngine;
using spot::test::TemporaryDirectory;

namespace fs = std::filesystem;

namespace {

/// A folder with a dataset of 10 steps an epoch, and any number of volumes.
class Place {
 public:
  Place() { SmallDataset::write(directory_ / "data", 150, 40); }

  [[nodiscard]] Config config(const std::string& volume) const {
    fs::create_directories(directory_ / volume);
    Config config;
    config.set_text("dataset", (directory_ / "data").string());
    config.set_text("volume", (directory_ / volume).string());
    config.set_text("model", "mlp");
    config.set_text("metadata", "none");
    config.set_text("run_id", "r1");
    config.set_integer("batch_size", 16);
    config.set_integer("epochs", 3);
    config.set_integer("checkpoint_seconds", 0);
    config.set_real("learning_rate", 0.05);
    return config;
  }
  fs::path operator/(const std::string& name) const { return directory_ / name; }

 private:
  TemporaryDirectory directory_;
};

std::unique_ptr<Session> open(const Config& config, Log log = {}, Backend backend = softmax_backend()) {
  return std::make_unique<Session>(config, std::span(&backend, 1), system_clock(), std::move(log));
}

std::unique_ptr<Poller> quiet_poller() {
  PollerOptions options;
  options.metadata = "none";
  return std::make_unique<Poller>(options, system_clock(), Log());
}

constexpr std::uint32_t bit(Stage stage) {
  return 1U << static_cast<unsigned>(stage);
}

std::string read(const fs::path& path) {
  return read_text_file(path, 1 << 20);
}

/// Every file below the folder, with its content.
std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    files[fs::relative(entry.path(), folder)] = entry.is_regular_file() ? read(entry.path()) : std::string("folder");
  }
  return files;
}

/// An engine that calls back in the middle of an evaluation, and may lose its state.
class ObservedEngine final : public Engine {
 public:
  static inline std::function<void()> on_evaluate;
  static inline bool is_lost = false;

  explicit ObservedEngine(const EngineSpec& spec) : inner_(spec) {}
  [[nodiscard]] std::string device() const override { return inner_.device(); }
  [[nodiscard]] std::string instruction_set() const override { return inner_.instruction_set(); }
  [[nodiscard]] int threads() const override { return inner_.threads(); }
  [[nodiscard]] const StateLayout& layout() const override { return inner_.layout(); }
  StepMetrics train_step(const BatchView& batch, std::uint64_t step, float rate) override {
    return inner_.train_step(batch, step, rate);
  }
  EvaluationMetrics evaluate(const BatchView& batch) override {
    on_evaluate();
    return inner_.evaluate(batch);
  }
  void predict(const BatchView& batch, std::span<float> result) override { inner_.predict(batch, result); }
  std::unique_ptr<StateReader> freeze_state() override { return inner_.freeze_state(); }
  void reserve_frozen_states(int count) override { inner_.reserve_frozen_states(count); }
  void read_state(std::span<float> state) const override {
    if (is_lost) fail(Status::kInternal, "there is no state");
    inner_.read_state(state);
  }
  void write_state(std::span<const float> state) override { inner_.write_state(state); }
  void read_gradients(std::span<float> gradients) const override { inner_.read_gradients(gradients); }
  std::vector<OperatorTime> profile(const BatchView& batch, int steps) override { return inner_.profile(batch, steps); }

 private:
  SoftmaxEngine inner_;
};

Backend observed_backend() {
  return {.name = "cpu",
          .score = 1,
          .detail = "",
          .create = [](const EngineSpec& spec, const Log&) -> std::unique_ptr<Engine> {
            return std::make_unique<ObservedEngine>(spec);
          }};
}

/// What a whole run leaves behind, for comparison.
struct Outcome {
  std::string state_hash;
  std::string epochs_csv;
  std::string steps_csv;
  bool operator==(const Outcome&) const = default;
};

Outcome outcome_of(const RunResult& result, const fs::path& volume) {
  return {result.state_hash, read(volume / "logs" / "r1.csv"), read(volume / "logs" / "r1.steps.csv")};
}

/// No file may grow beyond `bytes` while in scope: a disk that is full, as far as checkpoints see.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

}  // namespace

TEST_CASE("a run trains to its end and leaves checkpoint, logs and model on the volume") {
  const Place place;
  const auto session = open(place.config("v"));
  const RunResult result = run(*session, nullptr, nullptr);
  CHECK(result.reason == RunReason::kDone);
  CHECK_FALSE(result.resumed);
  CHECK(result.durable);
  CHECK(result.step == 30);
  CHECK(result.epoch == 3);
  CHECK(result.test_accuracy > 0.9);
  CHECK(std::isnan(result.margin_s));
  CHECK(result.state_hash == session->state_hash());
  CHECK(result.model_path == (place / "v" / "models" / "r1.json"));
  CHECK(fs::exists(place / "v" / "models" / "r1.safetensors"));
  const auto files = list_checkpoints(place / "v" / "checkpoints");
  REQUIRE_FALSE(files.empty());
  const Checkpoint last = load_checkpoint(files.front().path.string(), Links::kRefuse);
  CHECK(last.meta.step == 30);
  CHECK(last.meta.reason == "final");
  CHECK(last.meta.state_hash == result.state_hash);
  CHECK(last.meta.history.size() == 3);
}

TEST_CASE("a finished run that is started again trains nothing and says done") {
  const Place place;
  const RunResult first = run(*open(place.config("v")), nullptr, nullptr);
  const auto files = list_checkpoints(place / "v" / "checkpoints");
  const RunResult second = run(*open(place.config("v")), nullptr, nullptr);
  CHECK(second.reason == RunReason::kDone);
  CHECK(second.resumed);
  CHECK(second.durable);
  CHECK(second.state_hash == first.state_hash);
  CHECK(second.test_accuracy == first.test_accuracy);
  CHECK(list_checkpoints(place / "v" / "checkpoints").size() == files.size());
}

TEST_CASE("interrupted by a notice after every step, a run ends in the same bytes and logs") {
  const Place place;
  const RunResult whole = run(*open(place.config("whole")), nullptr, nullptr);

  RunResult result;
  int starts = 0;
  do {
    const auto session = open(place.config("cut"));
    const auto poller = quiet_poller();
    session->trainer().set_observer(
        {bit(Stage::kStep), [&](const Event&) { poller->notify(NoticeAction::kTerminate, "test"); }});
    result = run(*session, poller.get(), nullptr);
    CHECK(result.durable);
    CHECK(result.resumed == (starts > 0));
    REQUIRE(++starts < 50);
  } while (result.reason == RunReason::kInterrupted);
  CHECK(starts == 31);
  CHECK(outcome_of(result, place / "cut") == outcome_of(whole, place / "whole"));
}

TEST_CASE("a notice is answered by a durable checkpoint with time and margin") {
  const Place place;
  const auto session = open(place.config("v"));
  const auto poller = quiet_poller();
  std::string heard;
  session->trainer().set_observer(
      {bit(Stage::kCheckpoint) | bit(Stage::kInterruption) | bit(Stage::kRunEnd),
       [&](const Event& event) { heard += cat(static_cast<int>(event.stage), ":", event.reason, event.source, " "); }});
  poller->notify(NoticeAction::kTerminate, "going away");
  const RunResult result = run(*session, poller.get(), nullptr);
  CHECK(result.reason == RunReason::kInterrupted);
  CHECK(result.durable);
  CHECK(result.step == 0);
  CHECK(result.notice_to_durable_ms > 0);
  CHECK(std::isfinite(result.margin_s));
  CHECK(heard == "8:host 7:notice 2:interrupted ");
}

TEST_CASE("a notice during an evaluation abandons it, and the resumed run does it again") {
  const Place place;
  ObservedEngine::on_evaluate = [] {};
  const RunResult whole = run(*open(place.config("whole"), {}, observed_backend()), nullptr, nullptr);

  const auto poller = quiet_poller();
  int evaluations = 0;
  ObservedEngine::on_evaluate = [&] {
    if (++evaluations == 2) poller->notify(NoticeAction::kStop, "test");
  };
  auto session = open(place.config("cut"), {}, observed_backend());
  RunResult result = run(*session, poller.get(), nullptr);
  CHECK(evaluations == 2);  // of three batches
  CHECK(result.reason == RunReason::kInterrupted);
  CHECK(result.step == 10);
  CHECK(result.durable);
  CHECK(session->trainer().history().empty());
  session.reset();

  ObservedEngine::on_evaluate = [] {};
  result = run(*open(place.config("cut"), {}, observed_backend()), poller.get(), nullptr);
  CHECK(result.reason == RunReason::kDone);
  CHECK(outcome_of(result, place / "cut") == outcome_of(whole, place / "whole"));
}

TEST_CASE("a run waits for the volume's writer; a notice, a cancellation or its patience ends the wait") {
  const Place place;
  auto holder = open(place.config("v"));
  holder->open_store();
  const auto poller = quiet_poller();

  poller->notify(NoticeAction::kRebalance, "test");  // nothing to save yet
  std::thread host([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    poller->notify(NoticeAction::kTerminate, "test");
  });
  const RunResult noticed = run(*open(place.config("v")), poller.get(), nullptr);
  host.join();
  CHECK(noticed.reason == RunReason::kInterrupted);
  CHECK(noticed.durable);
  CHECK(noticed.step == 0);

  CancelToken cancel;
  cancel.trigger();
  CHECK(run(*open(place.config("v")), nullptr, &cancel).reason == RunReason::kCancelled);

  Config impatient = place.config("v");
  impatient.set_real("lease_wait_seconds", 0.05);
  CHECK(contains(message_of(Status::kTimeout, [&] { run(*open(impatient), nullptr, nullptr); }), "in use by process"));

  holder.reset();
  CHECK(run(*open(place.config("v")), nullptr, nullptr).reason == RunReason::kDone);
}

TEST_CASE("a run that was taken over from stops as fenced and changes nothing any more") {
  const Place place;
  Config forceful = place.config("v");
  forceful.set_text("takeover", "true");
  std::unique_ptr<Session> successor;
  std::map<std::string, std::string> before;
  const auto session = open(place.config("v"));
  session->trainer().set_observer(Observer(bit(Stage::kStep), [&](const Event& event) {
    if (event.step != 7) return;
    successor = open(forceful);
    CHECK(successor->resume() == false);  // no epoch has ended yet
    before = files_of(place / "v");
  }));
  message_of(Status::kFenced, [&] { run(*session, nullptr, nullptr); });
  CHECK(session->trainer().step() >= 7);
  CHECK(files_of(place / "v") == before);
  CHECK(run(*successor, nullptr, nullptr).reason == RunReason::kDone);
}

TEST_CASE("a notice to a run that was taken over from is answered with fenced, not with run me again") {
  const Place place;
  Config forceful = place.config("v");
  forceful.set_text("takeover", "true");
  std::unique_ptr<Session> successor;
  const auto poller = quiet_poller();
  const auto session = open(place.config("v"));
  session->trainer().set_observer(Observer(bit(Stage::kStep), [&](const Event& event) {
    if (event.step != 3) return;
    successor = open(forceful);
    successor->open_store();
    poller->notify(NoticeAction::kTerminate, "test");
  }));
  message_of(Status::kFenced, [&] { run(*session, poller.get(), nullptr); });
}

TEST_CASE("a rebalance recommendation saves early and trains on") {
  const Place place;
  const auto session = open(place.config("v"));
  const auto poller = quiet_poller();
  std::string reasons;
  session->trainer().set_observer({bit(Stage::kCheckpoint) | bit(Stage::kStep), [&](const Event& event) {
                                     if (event.stage == Stage::kCheckpoint) {
                                       reasons += cat(event.reason, event.step, " ");
                                     } else if (event.step == 4) {
                                       poller->notify(NoticeAction::kRebalance, "soon");
                                     }
                                   }});
  CHECK(run(*session, poller.get(), nullptr).reason == RunReason::kDone);
  CHECK(reasons == "notice4 epoch10 epoch20 final30 ");
}

TEST_CASE("a cancelled run saves and says so; going on in the same session needs no volume") {
  const Place place;
  const auto session = open(place.config("v"));
  CancelToken cancel;
  session->trainer().set_observer({bit(Stage::kStep), [&](const Event& event) {
                                     if (event.step == 13) cancel.trigger();
                                   }});
  const RunResult cancelled = run(*session, nullptr, &cancel);
  CHECK(cancelled.reason == RunReason::kCancelled);
  CHECK(cancelled.durable);
  CHECK(cancelled.step == 13);
  cancel.reset();
  const RunResult result = run(*session, nullptr, &cancel);
  CHECK(result.reason == RunReason::kDone);
  CHECK_FALSE(result.resumed);
  CHECK(outcome_of(run(*open(place.config("whole")), nullptr, nullptr), place / "whole") ==
        outcome_of(result, place / "v"));
}

TEST_CASE("checkpoints are saved by steps and epochs, an epoch's after its evaluation") {
  const Place place;
  Config config = place.config("v");
  config.set_integer("checkpoint_steps", 4);
  config.set_integer("keep_last", 100);
  run(*open(config), nullptr, nullptr);
  std::string saved;
  for (const StoredFile& file : list_checkpoints(place / "v" / "checkpoints")) {
    const CheckpointMeta meta = load_checkpoint(file.path.string(), Links::kRefuse).meta;
    CHECK(meta.history.size() == meta.step / 10);
    saved = cat(meta.reason, meta.step, " ", saved);
  }
  CHECK(saved == "interval4 interval8 epoch10 interval12 interval16 epoch20 interval24 interval28 final30 ");
}

TEST_CASE("a full disk is reported with each save, and training goes on until the last one matters") {
  const Place place;
  Config config = place.config("v");
  config.set_text("run_id", "");
  int failures = 0;
  const auto observe = [&](const Event& event) {
    if (event.status == Status::kNoSpace) ++failures;
  };
  {
    const auto session = open(config);
    session->trainer().set_observer({bit(Stage::kCheckpoint), observe});
    const FileSizeLimit full(4096);
    message_of(Status::kNoSpace, [&] { run(*session, nullptr, nullptr); });
    CHECK(failures == 3);  // two epochs and the end
    CHECK(session->trainer().step() == 30);
  }
  {
    const auto session = open(config);
    const auto poller = quiet_poller();
    poller->notify(NoticeAction::kTerminate, "test");
    const FileSizeLimit full(4096);
    const RunResult result = run(*session, poller.get(), nullptr);
    CHECK(result.reason == RunReason::kInterrupted);
    CHECK_FALSE(result.durable);
    CHECK(std::isnan(result.notice_to_durable_ms));
  }
}

TEST_CASE("a volume whose checkpoints are all damaged is refused rather than started over") {
  const Place place;
  run(*open(place.config("v")), nullptr, nullptr);
  for (const StoredFile& file : list_checkpoints(place / "v" / "checkpoints")) {
    std::ofstream(file.path, std::ios::binary | std::ios::in | std::ios::out) << "garbage";
  }
  const std::string log = read(place / "v" / "logs" / "r1.csv");
  message_of(Status::kCorrupt, [&] { run(*open(place.config("v")), nullptr, nullptr); });
  CHECK(read(place / "v" / "logs" / "r1.csv") == log);
}

TEST_CASE("a resumed run keeps the checkpoint's run_id, and its parent is that checkpoint") {
  const Place place;
  Config config = place.config("v");
  config.set_text("run_id", "");
  const auto first = open(config);
  config.set_integer("epochs", 1);
  auto second = open(config);
  const std::string run_id = second->run_id();
  CHECK(first->run_id() != run_id);
  const RunResult begun = run(*second, nullptr, nullptr);
  second.reset();
  const RunResult finished = run(*first, nullptr, nullptr);
  CHECK(finished.resumed);
  CHECK(first->run_id() == run_id);
  const auto files = list_checkpoints(place / "v" / "checkpoints");
  CHECK(load_checkpoint(files.front().path.string(), Links::kRefuse).meta.parent_hash == begun.state_hash);
}

TEST_CASE("a checkpoint of another configuration is refused with the key's name, state unchanged") {
  const Place place;
  run(*open(place.config("v")), nullptr, nullptr);
  Config config = place.config("v");
  config.set_integer("seed", 2);
  const auto session = open(config);
  const std::string hash = session->state_hash();
  CHECK(contains(message_of(Status::kMismatch, [&] { run(*session, nullptr, nullptr); }), "seed 1 -> 2"));
  CHECK(session->state_hash() == hash);
}

TEST_CASE("a checkpoint that was refused again and again is still there for the right configuration") {
  const Place place;
  run(*open(place.config("v")), nullptr, nullptr);
  Config wrong = place.config("v");
  wrong.set_integer("seed", 2);
  for (int i = 0; i < 4; ++i) {
    message_of(Status::kMismatch, [&] { run(*open(wrong), nullptr, nullptr); });
  }
  CHECK(run(*open(place.config("v")), nullptr, nullptr).resumed);
  CHECK(list_set_aside(place / "v" / "checkpoints").empty());
}

TEST_CASE("an observer that throws ends the run after a whole step") {
  const Place place;
  const auto session = open(place.config("v"));
  session->trainer().set_observer({bit(Stage::kStep) | bit(Stage::kRunEnd), [](const Event& event) {
                                     CHECK(event.stage == Stage::kStep);
                                     if (event.step == 5) fail(Status::kCallback, "enough");
                                   }});
  message_of(Status::kCallback, [&] { run(*session, nullptr, nullptr); });
  CHECK(session->trainer().step() == 5);
}

TEST_CASE("a device that fails for good is reported in its own words, and the run's end is told") {
  const Place place;
  ObservedEngine::on_evaluate = [] {
    ObservedEngine::is_lost = true;
    fail(Status::kNoMemory, "the device fell off the bus");
  };
  const auto session = open(place.config("v"), {}, observed_backend());
  std::string ends;
  session->trainer().set_observer(
      {bit(Stage::kRunEnd), [&](const Event& event) { ends += cat(event.reason, ":", event.state_hash, ";"); }});
  const std::string message = message_of(Status::kNoMemory, [&] { run(*session, nullptr, nullptr); });
  ObservedEngine::is_lost = false;
  CHECK(message == "the device fell off the bus");
  CHECK(ends == "error:;");
}

TEST_CASE("each volume that cannot be used is refused with one clear line") {
  const Place place;
  Config config = place.config("v");
  config.set_text("volume", (place / "missing").string());
  CHECK(contains(message_of(Status::kNotFound, [&] { open(config); }), "does not exist"));
  std::ofstream(place / "file") << "x";
  config.set_text("volume", (place / "file").string());
  CHECK(contains(message_of(Status::kIo, [&] { open(config); }), "is not a folder"));
  config.set_text("volume", "/proc");
  message_of(Status::kIo, [&] { open(config); });
  config.set_text("volume", "");
  message_of(Status::kConfig, [&] { open(config); });
  config.set_text("volume", (place / "v").string());
  config.set_text("volume_must_be_mounted", "true");
  CHECK(contains(message_of(Status::kNotFound, [&] { open(config); }), "nothing is mounted"));
}

TEST_CASE("the commit of the working tree is found without running git") {
  const TemporaryDirectory directory;
  const std::string a(40, 'a');
  const std::string b(40, 'b');
  const auto write = [&](const std::string& name, const std::string& text) {
    fs::create_directories((directory / name).parent_path());
    std::ofstream(directory / name) << text;
  };
  CHECK(find_code_version(directory.path()).empty());

  write("tree/.git/HEAD", a + "\n");
  fs::create_directories(directory / "tree/src/deep");
  CHECK(find_code_version(directory / "tree/src/deep") == a);

  write("tree/.git/HEAD", "ref: refs/heads/main\n");
  CHECK(find_code_version(directory / "tree").empty());
  write("tree/.git/packed-refs", "# pack-refs with: peeled\n" + b + " refs/heads/main\n^" + a + "\n");
  CHECK(find_code_version(directory / "tree") == b);
  write("tree/.git/refs/heads/main", a + "\n");
  CHECK(find_code_version(directory / "tree") == a);

  write("worktree/.git", "gitdir: ../tree/.git/worktrees/w\n");
  write("tree/.git/worktrees/w/HEAD", "ref: refs/heads/main\n");
  write("tree/.git/worktrees/w/commondir", "../..\n");
  CHECK(find_code_version(directory / "worktree") == a);

  write("tree/.git/HEAD", "no commit\n");
  CHECK(find_code_version(directory / "tree").empty());
}

TEST_CASE("a run_id names files, so it is letters, digits, '-' and '_'") {
  FakeClock clock;
  clock.set_wall_ns(1795463735'000'000'000);
  CHECK(make_run_id(clock).starts_with("20261123-195535-"));
  CHECK(make_run_id(clock).size() == 20);
  check_run_id("run_7-b");
  for (const std::string bad : {"", "../x", "a.b", "a,b", "a b"}) {
    message_of(Status::kConfig, [&] { check_run_id(bad); });
  }
  message_of(Status::kConfig, [] { check_run_id(std::string(64, 'a')); });
}

TEST_CASE("a zero stands for the customary value of the optimizer") {
  const Place place;
  Config config = place.config("v");
  config.set_real("learning_rate", 0);
  const auto session = open(config);
  const auto rate = [&](const std::string& optimizer) {
    config.set_text("optimizer", optimizer);
    return training_plan(config, session->dataset()).schedule.base_rate;
  };
  CHECK(rate("sgd") == 0.01);
  CHECK(rate("adam") == 0.001);
  CHECK(rate("adadelta") == 1.0);
  CHECK(engine_spec(config, session->dataset()).optimizer.rho == 0.95);
  CHECK(rate("rmsprop") == 0.001);
  CHECK(engine_spec(config, session->dataset()).optimizer.rho == 0.9);
}

TEST_CASE("the engine is asked for the precision of the configuration") {
  const Place place;
  Config config = place.config("v");
  const auto session = open(config);
  CHECK(engine_spec(config, session->dataset()).precision == Precision::kFloat32);
  for (const Precision precision : {Precision::kFloat32, Precision::kTf32, Precision::kBfloat16}) {
    config.set_text("precision", precision_name(precision));
    CHECK(engine_spec(config, session->dataset()).precision == precision);
  }
}

TEST_CASE("the dense operations of a training step leave out the first layer's input gradient") {
  // conv 3x3x32, conv 3x3x64, dense 128, dense 10 on 28 x 28 images: multiply-adds of each,
  // forward.
  const double conv1 = 26.0 * 26 * 32 * 9;
  const double conv2 = 24.0 * 24 * 64 * 32 * 9;
  const double dense = 9216.0 * 128 + 128.0 * 10;
  CHECK(dense_operations(preset_model("keras-cnn", {1, 28, 28}, 10)) == 2 * (2 * conv1 + 3 * conv2 + 3 * dense));
}

TEST_CASE("a benchmark measures training and evaluation") {
  const Place place;
  const auto session = open(place.config("v"));
  const Benchmark result = benchmark(*session, 0.01);
  CHECK(result.train_samples_per_second > 0);
  CHECK(result.test_samples_per_second > 0);
  CHECK(result.step_seconds > 0);
  CHECK(result.layers.size() == 1);
}
