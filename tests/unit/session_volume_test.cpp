#include <cmath>
#include <csignal>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <sys/resource.h>

#include "checkpoint/checkpoint_file.h"
#include "checkpoint/decoder.h"
#include "checkpoint/restore_attempts.h"
#include "session/run.h"
#include "support/session_place.h"

using namespace spot;
using namespace spot::test;

namespace {

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
  session->trainer().set_observer(Observer(bit(EventKind::kStep), [&](const Event& event) {
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
  session->trainer().set_observer(Observer(bit(EventKind::kStep), [&](const Event& event) {
    if (event.step != 3) return;
    successor = open(forceful);
    successor->open_store();
    poller->notify(NoticeAction::kTerminate, "test");
  }));
  message_of(Status::kFenced, [&] { run(*session, poller.get(), nullptr); });
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
    session->trainer().set_observer({bit(EventKind::kCheckpoint), observe});
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

TEST_CASE("what dataset auto was is learned by a glance, not from what ended its restorers") {
  const Place place;
  Config config = place.config("v");
  config.set_text("dataset", "auto");
  config.set_text("dataset_mirrors", "http://127.0.0.1:9/");
  StateLayout layout;
  layout.add("w", {1 << 23}, TensorRole::kParameter);
  const std::vector<float> values(layout.size());
  const fs::path folder = place / "v" / "checkpoints";
  const auto save = [&](std::uint64_t step, const char* dataset) {
    CheckpointMeta meta;
    meta.step = step;
    meta.run_id = "r1";
    meta.dataset_name = dataset;
    CheckpointStore store(folder, {}, system_clock(), Log());
    return store.commit(meta, StateView{&layout, values}).path;
  };
  save(1, "synthetic");
  const fs::path deadly = save(2, "kmnist");
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  write_file_atomically(folder / kAttemptsName, deadly.filename().string() + " 3 " + boot);
  const auto bytes_read = [] {
    std::ifstream file("/proc/self/io");
    std::string word;
    std::uint64_t bytes = 0;
    file >> word >> bytes;
    return bytes;
  };
  const std::uint64_t before = bytes_read();
  CHECK(open(config)->dataset().name == "synthetic");
  CHECK(bytes_read() - before < values.size() * sizeof(float) / 2);
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
  config.set_text("volume", "");  // there is none: only what needs one is refused
  CHECK(contains(message_of(Status::kConfig, [&] { run(*open(config), nullptr, nullptr); }), "volume is not set"));
  config.set_text("volume", (place / "v").string());
  config.set_text("volume_must_be_mounted", "true");
  CHECK(contains(message_of(Status::kNotFound, [&] { open(config); }), "nothing is mounted"));
}
