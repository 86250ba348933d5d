#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <new>
#include <set>
#include <thread>
#include <unistd.h>

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "checkpoint/async_writer.h"
#include "checkpoint/checkpoint_file.h"
#include "checkpoint/decoder.h"
#include "checkpoint/trailer.h"
#include "checkpoint/verify.h"
#include "support/failure.h"
#include "support/kept_state.h"
#include "support/temporary_directory.h"

using namespace spot;
using spot::test::KeptState, spot::test::status_of, spot::test::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

/// Folders cannot be synced while it is not 0: errno.
std::atomic<int> folder_sync_error = 0;

}  // namespace

/// Takes the place of the C library's.
extern "C" int fsync(int fd) {
  struct stat info {};
  if (folder_sync_error != 0 && fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    errno = folder_sync_error;
    return -1;
  }
  return static_cast<int>(syscall(SYS_fsync, fd));
}

namespace {

StateLayout small_layout() {
  StateLayout layout;
  layout.add("conv1.weight", {2, 1, 3, 3}, TensorRole::kParameter);
  layout.add("conv1.bias", {2}, TensorRole::kParameter);
  layout.add("conv1.weight/velocity", {2, 1, 3, 3}, TensorRole::kAccumulator);
  return layout;
}

struct State {
  StateLayout layout = small_layout();
  std::vector<float> values = std::vector<float>(layout.size());
  explicit State(float first = 0) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = first + 0.1F * static_cast<float>(i);
  }
  [[nodiscard]] StateView view() const { return {&layout, values}; }
  [[nodiscard]] std::size_t bytes() const { return values.size() * sizeof(float); }
};

CheckpointMeta meta_at(std::uint64_t step, double accuracy = NAN) {
  CheckpointMeta meta;
  meta.step = step;
  meta.run_id = "run";
  meta.reason = "interval";
  meta.seed = 7;
  meta.config = {{"batch_size", "128"}, {"optimizer", "sgd"}};
  meta.running = {1.5, 3, 4};
  meta.history.push_back({.epoch = 1,
                          .step = step,
                          .train_loss = 0.5,
                          .validation_loss = NAN,
                          .validation_accuracy = NAN,
                          .test_accuracy = accuracy});
  return meta;
}

std::uint64_t submit(AsyncWriter& writer, std::uint64_t step, const State& state) {
  return writer.submit(meta_at(step), SaveReason::kInterval, std::make_unique<KeptState>(state.layout, state.values),
                       system_clock().monotonic_ns());
}

std::vector<std::byte> encoded(const CheckpointMeta& meta, const State& state) {
  CheckpointEncoder encoder;
  const EncodedCheckpoint content = encoder.encode(meta, state.view(), nullptr);
  return {content.image.begin(), content.image.end()};
}

CheckpointStore open_store(const fs::path& folder, Retention retention = {}, LeaseOptions lease = {}) {
  return {folder, {retention, lease}, system_clock(), Log()};
}

/// Bytes that this process has read from files so far.
std::uint64_t bytes_read() {
  std::ifstream file("/proc/self/io");
  std::string word;
  std::uint64_t bytes = 0;
  file >> word >> bytes;
  return word == "rchar:" ? bytes : 0;
}

std::vector<std::uint64_t> steps_in(const fs::path& folder) {
  std::vector<std::uint64_t> steps;
  for (const StoredFile& file : list_checkpoints(folder)) steps.push_back(file.step);
  return steps;
}

void damage(const fs::path& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(100);
  file.put('\x7f');
}

std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) files[entry.path().filename()] = read_text_file(entry.path(), 1 << 20);
  }
  return files;
}

}  // namespace

TEST_CASE("a checkpoint comes back bit for bit") {
  State state;
  state.values[3] = NAN;
  state.values[4] = -0.0F;
  const CheckpointMeta meta = meta_at(42, 0.875);
  const Checkpoint back = decode_checkpoint(encoded(meta, state), "test");
  CHECK(back.layout == state.layout);
  CHECK(std::memcmp(back.values.data(), state.values.data(), state.values.size() * sizeof(float)) == 0);
  CHECK(back.meta.step == 42);
  CHECK(back.meta.config == meta.config);
  CHECK(back.meta.running.loss_sum == 1.5);
  REQUIRE(back.meta.history.size() == 1);
  CHECK(back.meta.history[0].test_accuracy == 0.875);
  CHECK(std::isnan(back.meta.history[0].validation_accuracy));
}

TEST_CASE("every flipped byte and every truncated length is detected") {
  const std::vector<std::byte> good = encoded(meta_at(1), State());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::vector<std::byte> bad = good;
    bad[i] ^= std::byte{1};
    CAPTURE(i);
    CHECK(status_of([&] { decode_checkpoint(bad, "test"); }) != Status::kOk);
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK(status_of([&] { decode_checkpoint(std::span(good).first(size), "test"); }) == Status::kCorrupt);
  }
  std::vector<std::byte> longer = good;
  longer.push_back(std::byte{0});
  CHECK(status_of([&] { decode_checkpoint(longer, "test"); }) == Status::kCorrupt);
}

TEST_CASE("a newer major version is refused by name") {
  std::vector<std::byte> bytes = encoded(meta_at(1), State());
  std::byte* trailer = bytes.data() + bytes.size() - kTrailerSize;
  trailer[8] = std::byte{2};
  const std::uint64_t hash = hash64(trailer, 56);
  std::memcpy(trailer + 56, &hash, sizeof hash);
  CHECK(status_of([&] { decode_checkpoint(bytes, "test"); }) == Status::kUnsupported);
}

TEST_CASE("hostile content behind right hashes is refused") {
  const std::vector<std::byte> good = encoded(meta_at(1), State());
  const auto payload = check_trailer(good, "test");
  for (std::size_t i = 0; i < payload.size(); ++i) {
    std::vector<std::byte> bad(payload.begin(), payload.end());
    bad[i] ^= std::byte{0x80};
    CAPTURE(i);
    status_of([&] { decode_checkpoint(seal(bad, 0, 0), "test"); });  // whatever it says, it must not crash
  }
}

TEST_CASE("retention keeps the newest, and the best, and only after a save") {
  const TemporaryDirectory folder;
  auto store = open_store(folder.path() / "c", {.keep_last = 2, .keep_best = 1});
  const double accuracies[] = {0.5, 0.9, 0.6, 0.7, 0.8};
  for (std::uint64_t step = 1; step <= 5; ++step) {
    store.commit(meta_at(step, accuracies[step - 1]), State().view());
    store.prune("run", [] { return false; });
  }
  CHECK(steps_in(folder.path() / "c") == std::vector<std::uint64_t>{5, 4, 2});
  // What an earlier process left counts too.
  auto next = open_store(folder.path() / "c", {.keep_last = 2, .keep_best = 1}, {.takeover = true});
  next.commit(meta_at(6, 0.1), State().view());
  next.prune("run", [] { return false; });
  CHECK(steps_in(folder.path() / "c") == std::vector<std::uint64_t>{6, 5, 2});
}

TEST_CASE("recovery takes the newest whole one and sets damaged ones aside") {
  const TemporaryDirectory folder;
  auto store = open_store(folder.path() / "c");
  for (std::uint64_t step = 1; step <= 3; ++step) store.commit(meta_at(step), State().view());
  const fs::path newest = list_checkpoints(folder.path() / "c").front().path;
  damage(newest);
  const auto found = store.recover();
  REQUIRE(found);
  CHECK(found->meta.step == 2);
  CHECK_FALSE(fs::exists(newest));
  CHECK(fs::exists(newest.string() + ".corrupt"));
  // The generation of the damaged one is never used again.
  CHECK(open_store(folder.path() / "c", {}, {.takeover = true}).commit(meta_at(4), State().view()).generation == 4);
}

TEST_CASE("when every checkpoint is damaged nothing is changed and nothing starts over") {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "c";
  {
    auto store = open_store(path);
    for (std::uint64_t step = 1; step <= 3; ++step) store.commit(meta_at(step), State().view());
  }
  for (const StoredFile& file : list_checkpoints(path)) damage(file.path);
  const auto before = contents(path);
  CHECK(status_of([&] { open_store(path).recover(); }) == Status::kCorrupt);
  CHECK(status_of([&] { open_store(path).recover(); }) == Status::kCorrupt);
  CHECK(contents(path) == before);
  for (const FileVerdict& verdict : verify_checkpoints(path)) CHECK(verdict.state == FileState::kDamaged);
  CHECK(status_of([&] { find_checkpoint(path); }) == Status::kCorrupt);
}

TEST_CASE("an empty folder holds nothing, which is no error") {
  const TemporaryDirectory folder;
  CHECK_FALSE(open_store(folder.path() / "c").recover());
  CHECK(status_of([&] { verify_checkpoints(folder.path() / "c"); }) == Status::kNotFound);
}

TEST_CASE("a checkpoint that ends its restorer three times is set aside") {
  const TemporaryDirectory folder;
  open_store(folder.path() / "c").commit(meta_at(1), State().view());
  open_store(folder.path() / "c").commit(meta_at(2), State().view());
  for (int attempt = 0; attempt < 3; ++attempt) CHECK(open_store(folder.path() / "c").recover()->meta.step == 2);
  CHECK(open_store(folder.path() / "c").recover()->meta.step == 1);
  // A confirmed restore starts the count anew.
  {
    auto store = open_store(folder.path() / "c");
    store.recover();
    store.confirm_restore();
  }
  for (int attempt = 0; attempt < 3; ++attempt) CHECK(open_store(folder.path() / "c").recover()->meta.step == 1);
}

TEST_CASE("a name that exists belongs to another writer: fenced, and untouched") {
  const TemporaryDirectory folder;
  auto store = open_store(folder.path() / "c");
  write_file_atomically(folder.path() / "c" / checkpoint_file_name(1, 1), std::string("other"));
  const auto before = contents(folder.path() / "c");
  CHECK(status_of([&] { store.commit(meta_at(1), State().view()); }) == Status::kFenced);
  CHECK(contents(folder.path() / "c") == before);
}

TEST_CASE("a save is written over the blocks of a superseded checkpoint, and the folder never shows it") {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "c";
  auto store = open_store(path, {.keep_last = 2, .keep_best = 0});
  const auto inode_of = [&](std::uint64_t step) {
    struct stat info {};
    REQUIRE(stat((path / checkpoint_file_name(step, step)).c_str(), &info) == 0);
    return info.st_ino;
  };
  std::vector<ino_t> inodes;
  for (std::uint64_t step = 1; step <= 6; ++step) {
    store.commit(meta_at(step), State(static_cast<float>(step)).view());
    inodes.push_back(inode_of(step));
    store.prune("run", [] { return false; });
  }
  CHECK(inodes[3] == inodes[0]);
  CHECK(inodes[5] == inodes[2]);
  CHECK(steps_in(path) == std::vector<std::uint64_t>{6, 5});
  CHECK(load_checkpoint(path / checkpoint_file_name(6, 6), Links::kRefuse).values == State(6).values);
  CHECK(load_checkpoint(path / checkpoint_file_name(5, 5), Links::kRefuse).values == State(5).values);
}

TEST_CASE("saves that follow each other at once are written over old ones, and the number of files is bounded") {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "c";
  auto store = open_store(path, {.keep_last = 2, .keep_best = 0});
  const auto files = [&] {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      count += entry.is_regular_file() && entry.path().filename() != kLockName;
    }
    return count;
  };
  std::set<ino_t> inodes;
  for (std::uint64_t step = 1; step <= 12; ++step) {
    store.commit(meta_at(step), State(static_cast<float>(step)).view());
    struct stat info {};
    REQUIRE(stat((path / checkpoint_file_name(step, step)).c_str(), &info) == 0);
    inodes.insert(info.st_ino);
    CHECK(files() <= 2 + kFilesBeside);
    store.prune("run", [] { return true; });  // a save waits
    CHECK(files() <= 2 + kFilesBeside);
  }
  CHECK(steps_in(path) == std::vector<std::uint64_t>{12, 11});
  CHECK(inodes.size() == 4);
}

TEST_CASE("files of an earlier process are bounded too, though saves wait from the first one on") {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "c";
  {
    auto store = open_store(path, {.keep_last = 100, .keep_best = 0});
    for (std::uint64_t step = 1; step <= 9; ++step) store.commit(meta_at(step), State().view());
  }
  auto store = open_store(path, {.keep_last = 2, .keep_best = 0});
  for (std::uint64_t step = 10; step <= 13; ++step) {
    store.commit(meta_at(step), State().view());
    CHECK(list_checkpoints(path).size() <= 2 + kFilesBeside);
    store.prune("run", [] { return true; });
  }
}

TEST_CASE("on a plateau as many best checkpoints are kept as were asked for") {
  std::vector<RetentionCandidate> candidates;
  for (std::uint64_t step = 9; step > 0; --step) candidates.push_back({std::to_string(step), step, 1.0});
  candidates[7].accuracy = NAN;
  CHECK(superseded(candidates, {.keep_last = 2, .keep_best = 4}) == std::vector<std::string>{"5", "4", "3", "2", "1"});
  CHECK(superseded(candidates, {.keep_last = 2, .keep_best = 0, .keep_every = 4}) ==
        std::vector<std::string>{"7", "6", "5", "3", "2", "1"});
}

TEST_CASE("retention leaves other runs' checkpoints and milestones alone") {
  const TemporaryDirectory folder;
  auto store = open_store(folder.path() / "c", {.keep_last = 2, .keep_best = 0, .keep_every = 3});
  CheckpointMeta other = meta_at(1);
  other.run_id = "other";
  store.commit(other, State().view());
  for (std::uint64_t step = 2; step <= 8; ++step) {
    store.commit(meta_at(step), State().view());
    store.prune("run", [] { return false; });
  }
  CHECK(steps_in(folder.path() / "c") == std::vector<std::uint64_t>{8, 7, 6, 3, 1});
}

TEST_CASE("a folder that can never be synced ends each save with its error, and nothing acknowledged is lost") {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "c";
  auto store = open_store(path, {.keep_last = 2, .keep_best = 0});
  store.commit(meta_at(1), State().view());
  store.commit(meta_at(2), State().view());
  for (const int error : {ENOSPC, EDQUOT, EIO}) {
    folder_sync_error = error;
    for (std::uint64_t step = 3; step <= 5; ++step) {
      const Status status = status_of([&] { store.commit(meta_at(step), State().view()); });
      CHECK(status == (error == EIO ? Status::kIo : Status::kNoSpace));
    }
    folder_sync_error = 0;
    const auto left = steps_in(path);
    CHECK(std::ranges::find(left, 1) != left.end());
    CHECK(std::ranges::find(left, 2) != left.end());
  }
  store.commit(meta_at(6), State().view());
  store.prune("run", [] { return false; });
  CHECK(steps_in(path) == std::vector<std::uint64_t>{6, 2});
}

TEST_CASE("a save reads nothing of other runs' files, nor more of its own run's than is kept") {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "c";
  StateLayout layout;
  layout.add("w", {1 << 20}, TensorRole::kParameter);
  const std::vector<float> values(layout.size());
  const StateView large{&layout, values};
  {
    auto store = open_store(path, {.keep_last = 100, .keep_best = 0});
    CheckpointMeta other = meta_at(1);
    other.run_id = "other";
    for (other.step = 1; other.step <= 10; ++other.step) store.commit(other, large);
    for (std::uint64_t step = 11; step <= 20; ++step) store.commit(meta_at(step), large);
  }
  auto store = open_store(path, {.keep_last = 2, .keep_best = 0});
  const std::uint64_t before = bytes_read();
  store.commit(meta_at(21), State().view());
  const std::uint64_t read = bytes_read() - before;
  // The last two of the run are verified before the rest of it goes; of all others the tables are enough.
  CHECK(read < 2 * values.size() * sizeof(float) + 20 * (kGlance + 4096));
  store.prune("run", [] { return false; });
  CHECK(steps_in(path) == std::vector<std::uint64_t>{21, 20, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1});
}

TEST_CASE("what a checkpoint says of itself is known without its tensors") {
  const TemporaryDirectory folder;
  auto store = open_store(folder.path() / "c");
  StateLayout layout;
  layout.add("w", {1 << 18}, TensorRole::kParameter);
  const std::vector<float> values(layout.size());
  CheckpointMeta meta = meta_at(3, 0.5);
  meta.dataset_name = "synthetic";
  const fs::path path = store.commit(meta, StateView{&layout, values}).path;
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(1 << 19).put('x');
  CHECK(status_of([&] { load_checkpoint(path, Links::kRefuse); }) == Status::kCorrupt);
  const auto glance = glance_at_checkpoint(path);
  REQUIRE(glance);
  CHECK(glance->dataset_name == "synthetic");
  CHECK(glance->history.back().test_accuracy == 0.5);
  CHECK_FALSE(glance_at_checkpoint(folder.path()));
  CHECK_FALSE(glance_at_checkpoint(folder.path() / "nothing"));
  fs::resize_file(path, 100);
  CHECK_FALSE(glance_at_checkpoint(path));
}

TEST_CASE("checkpoints that recovery would pass over are kept in place of no other, and go first") {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "c";
  State diverged;
  diverged.values[0] = NAN;
  {
    auto store = open_store(path, {.keep_last = 100, .keep_best = 0});
    for (std::uint64_t step = 1; step <= 3; ++step) store.commit(meta_at(step), State().view());
    for (std::uint64_t step = 4; step <= 7; ++step) store.commit(meta_at(step, 0.9), diverged.view());
  }
  CheckpointStore store(path, {{.keep_last = 3, .keep_best = 1}, {}, AllowedValues::kFinite}, system_clock(), Log());
  CHECK(store.recover()->meta.step == 3);
  store.commit(meta_at(4, 0.1), State().view());
  store.prune("run", [] { return false; });
  CHECK(steps_in(path) == std::vector<std::uint64_t>{4, 3, 2});
}

TEST_CASE("files whose room a run has again are its own, without its milestones") {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "c";
  auto store = open_store(path, {.keep_last = 100, .keep_best = 0});
  CheckpointMeta other = meta_at(1);
  other.run_id = "other";
  store.commit(other, State().view());
  std::uint64_t bytes = 0;
  for (std::uint64_t step = 2; step <= 6; ++step) bytes = store.commit(meta_at(step), State().view()).bytes;
  CHECK(reusable_bytes(path, "run", 0) == 5 * bytes);
  CHECK(reusable_bytes(path, "run", 3) == 3 * bytes);
  CHECK(reusable_bytes(path, "", 3) == 3 * bytes);
  CHECK(reusable_bytes(path, "third", 0) == 0);
}

TEST_CASE("lineage decides what is resumed, not the step") {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "c";
  {
    auto first = open_store(path);
    first.commit(meta_at(900), State().view());
  }
  auto store = open_store(path);
  store.commit(meta_at(10), State().view());
  CHECK(store.recover()->meta.step == 10);
  // A stray copy with a great number in its name is not newer than its content.
  fs::copy_file(path / checkpoint_file_name(900, 1), path / checkpoint_file_name(900, 77));
  CHECK(store.recover()->meta.step == 10);
}

TEST_CASE("a save that finds no space leaves the earlier ones, and the next one works") {
  const TemporaryDirectory folder;
  auto store = open_store(folder.path() / "c");
  store.commit(meta_at(1), State().view());
  const auto before = contents(folder.path() / "c");
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit tiny{500, limit.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &tiny);
  const Status status = status_of([&] { store.commit(meta_at(2), State().view()); });
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);
  CHECK(status == Status::kNoSpace);
  CHECK(contents(folder.path() / "c") == before);
  CHECK(store.commit(meta_at(3), State().view()).generation == 3);
}

TEST_CASE("a name, a size or an epoch that nobody could have written harms nothing") {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "c";
  auto store = open_store(path, {.keep_last = 2, .keep_best = 0});
  store.commit(meta_at(1), State().view());
  std::ofstream(path / "ckpt-000000000001-18446744073709551615.spck").close();
  CHECK(last_generation(path) == 1);
  const fs::path huge = path / checkpoint_file_name(9, 9);
  std::ofstream(huge).close();
  fs::resize_file(huge, std::uintmax_t{3} << 30);
  CHECK(store.recover()->meta.step == 1);
  CHECK(fs::exists(huge.string() + ".corrupt"));
  CheckpointMeta meta = meta_at(5);
  meta.writer_epoch = kMaxWriterEpoch + 1;
  CHECK(status_of([&] { decode_checkpoint(encoded(meta, State()), "test"); }) == Status::kCorrupt);
}

TEST_CASE("names: a listing sorts by age, and only our names count") {
  CHECK(checkpoint_file_name(42, 7) == "ckpt-000000000042-00000007.spck");
  CHECK(parse_checkpoint_file_name("ckpt-000000000042-00000007.spck")->generation == 7);
  for (const char* name : {"ckpt-42-7.spck", "ckpt-000000000042-00000007.spck.corrupt", "x", "ckpt--.spck",
                           "ckpt-00000000004x-00000007.spck"}) {
    CHECK_FALSE(parse_checkpoint_file_name(name).has_value());
  }
}

#ifndef SPOT_SANITIZED
TEST_CASE("a writer killed at any moment leaves the acknowledged checkpoint, whole") {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "c";
  for (int kill = 0; kill < 100; ++kill) {
    int acknowledged[2];
    REQUIRE(pipe(acknowledged) == 0);
    const pid_t writer = fork();
    if (writer == 0) {
      auto store = open_store(path, {.keep_last = 2, .keep_best = 0});
      for (std::uint64_t step = 1;; ++step) {
        const std::uint64_t generation = store.commit(meta_at(step), State().view()).generation;
        if (write(acknowledged[1], &generation, sizeof generation) != sizeof generation) _exit(1);
        store.prune("run", [] { return false; });
      }
    }
    close(acknowledged[1]);
    usleep(static_cast<useconds_t>(3000 + 997 * (kill * 37 % 29)));
    ::kill(writer, SIGKILL);
    waitpid(writer, nullptr, 0);
    std::uint64_t last = 0, generation = 0;
    while (read(acknowledged[0], &generation, sizeof generation) == sizeof generation) last = generation;
    close(acknowledged[0]);
    if (last == 0) continue;
    auto store = open_store(path);
    const auto found = store.recover();
    REQUIRE(found);
    store.confirm_restore();
    CHECK(found->meta.generation >= last);
    CHECK(list_set_aside(path).empty());
  }
}
#endif

TEST_CASE("saves are committed in order, off the caller's thread") {
  const TemporaryDirectory folder;
  auto store = open_store(folder.path() / "c", {.keep_last = 100, .keep_best = 0});
  const State state;
  {
    AsyncWriter writer(store, state.bytes(), system_clock(), Log());
    for (std::uint64_t step = 1; step <= 8; ++step) {
      submit(writer, step, State(static_cast<float>(step)));
    }
    writer.wait_all();
    const auto outcomes = writer.take_outcomes();
    REQUIRE(outcomes.size() == 8);
    for (std::size_t i = 0; i < 8; ++i) {
      CHECK_FALSE(outcomes[i].error);
      CHECK(outcomes[i].report.step == i + 1);
      CHECK(load_checkpoint(outcomes[i].report.path, Links::kRefuse).values[0] == static_cast<float>(i + 1));
    }
    submit(writer, 9, state);
  }
  // The destructor has finished what was submitted.
  CHECK(list_checkpoints(folder.path() / "c").front().step == 9);
}

namespace {

/// A state that is read only when the gate is open, and tells when it is let go of.
class GatedState final : public StateReader {
 public:
  struct Gate {
    std::promise<void> open;
    std::shared_future<void> is_open = open.get_future().share();
    std::atomic<int> held = 0;
  };

  explicit GatedState(Gate& gate, bool out_of_memory = false) : gate_(gate), out_of_memory_(out_of_memory) {
    ++gate_.held;
  }
  ~GatedState() override { --gate_.held; }
  GatedState(const GatedState&) = delete;
  GatedState& operator=(const GatedState&) = delete;

  [[nodiscard]] const StateLayout& layout() const override { return state_.layout; }
  [[nodiscard]] std::span<const float> read(const TensorSpec& tensor, std::span<float> /*room*/) const override {
    gate_.is_open.wait();
    if (out_of_memory_) throw std::bad_alloc();
    return state_.view().tensor(tensor);
  }

 private:
  Gate& gate_;
  bool out_of_memory_;
  State state_;
};

}  // namespace

TEST_CASE("two saves are under way at most: a third waits, which is its stall, and each lets go of its state") {
  const TemporaryDirectory folder;
  auto store = open_store(folder.path() / "c", {.keep_last = 100, .keep_best = 0});
  GatedState::Gate gate;
  AsyncWriter writer(store, State().bytes(), system_clock(), Log());
  const auto save = [&](std::uint64_t step) {
    return writer.submit(meta_at(step), step == 2 ? SaveReason::kNotice : SaveReason::kInterval,
                         std::make_unique<GatedState>(gate), system_clock().monotonic_ns());
  };
  save(1);
  save(2);
  CHECK(gate.held == 2);
  std::atomic<bool> third_is_in = false;
  std::thread third([&] {
    writer.wait(save(3));
    third_is_in = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK_FALSE(third_is_in);
  CHECK(writer.take_outcomes().empty());
  gate.open.set_value();
  third.join();
  CHECK(gate.held == 0);  // though only the outcome was waited for
  const auto outcomes = writer.take_outcomes();
  REQUIRE(outcomes.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(outcomes[i].report.step == i + 1);
  CHECK(outcomes[0].report.stall_ns < 50'000'000);
  CHECK(outcomes[2].report.stall_ns > 40'000'000);
}

TEST_CASE("whoever is asked whether to go on waiting may throw") {
  const TemporaryDirectory folder;
  auto store = open_store(folder.path() / "c");
  GatedState::Gate gate;
  AsyncWriter writer(store, State().bytes(), system_clock(), Log());
  const std::uint64_t ticket = writer.submit(meta_at(1), SaveReason::kRequest, std::make_unique<GatedState>(gate),
                                             system_clock().monotonic_ns());
  for (int i = 0; i < 3; ++i) {
    CHECK(status_of([&] { writer.wait(ticket, []() -> bool { fail(Status::kCallback, "no"); }); }) ==
          Status::kCallback);
  }
  gate.open.set_value();
  writer.wait(ticket);
  CHECK_FALSE(writer.take_outcomes().front().error);
}

TEST_CASE("a save that runs out of memory says so, and the next one works") {
  const TemporaryDirectory folder;
  auto store = open_store(folder.path() / "c");
  GatedState::Gate gate;
  gate.open.set_value();
  AsyncWriter writer(store, State().bytes(), system_clock(), Log());
  for (const bool out_of_memory : {true, false}) {
    writer.wait(writer.submit(meta_at(out_of_memory ? 1 : 2), SaveReason::kInterval,
                              std::make_unique<GatedState>(gate, out_of_memory), system_clock().monotonic_ns()));
    const auto outcomes = writer.take_outcomes();
    REQUIRE(outcomes.size() == 1);
    CHECK(outcomes[0].error.has_value() == out_of_memory);
    if (out_of_memory) CHECK(outcomes[0].error->status() == Status::kNoMemory);
  }
}

TEST_CASE("retention is done although the writer ends right after the save") {
  const TemporaryDirectory folder;
  const State state;
  for (std::uint64_t step = 1; step <= 8; ++step) {
    auto store = open_store(folder.path() / "c", {.keep_last = 2, .keep_best = 0});
    AsyncWriter writer(store, state.bytes(), system_clock(), Log());
    submit(writer, step, state);
  }
  CHECK(steps_in(folder.path() / "c") == std::vector<std::uint64_t>{8, 7});
}

TEST_CASE("a failed save is reported, and the next one works") {
  const TemporaryDirectory folder;
  auto store = open_store(folder.path() / "c");
  const State state;
  AsyncWriter writer(store, state.bytes(), system_clock(), Log());
  const auto save = [&](std::uint64_t step) {
    writer.wait(submit(writer, step, state));
    return writer.take_outcomes().front();
  };
  // Somebody else's file stands where the first save wants to go.
  write_file_atomically(folder.path() / "c" / checkpoint_file_name(1, 1), std::string("other"));
  CHECK(save(1).error->status() == Status::kFenced);
  CHECK_FALSE(save(2).error);
}
