#include "checkpoint/lease.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <unistd.h>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "checkpoint/rehearsal.h"
#include "checkpoint/store.h"
#include "support/failure.h"
#include "support/temporary_directory.h"

using namespace spot;
using spot::test::message_of, spot::test::status_of, spot::test::TemporaryDirectory;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

/// So many folders more can be made; negative: any number.
std::atomic<int> folders_left = -1;

}  // namespace

/// Takes the place of the C library's.
extern "C" int mkdirat(int folder, const char* name, mode_t mode) noexcept {
  if (folders_left == 0) {
    errno = ENOSPC;
    return -1;
  }
  if (folders_left > 0) --folders_left;
  return static_cast<int>(syscall(SYS_mkdirat, folder, name, mode));
}

namespace {

struct Folder {
  TemporaryDirectory temporary;
  fs::path path = temporary.path();
  Fd fd = open_directory(path);

  WriterLease acquire(LeaseOptions options = {}, const StopCheck& stop = {}, std::uint64_t last_epoch = 0) {
    return WriterLease::acquire(fd, path, last_epoch, options, system_clock(), Log(), stop);
  }
};

/// Every file below the folder, with its content.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = fs::relative(entry.path(), folder);
    files[name] = entry.is_regular_file() ? read_text_file(entry.path(), 1 << 24) : std::string("folder");
  }
  return files;
}

}  // namespace

TEST_CASE("epochs grow by one, whether the writer before ended well or was taken over from") {
  Folder folder;
  {
    const WriterLease first = folder.acquire();
    CHECK(first.epoch() == 1);
  }
  const WriterLease second = folder.acquire();
  CHECK(second.epoch() == 2);
  CHECK_NOTHROW(second.check());
  const WriterLease third = folder.acquire({.takeover = true});
  CHECK(third.epoch() == 3);
  CHECK(third.has_predecessor());
  CHECK(status_of([&] { second.check(); }) == Status::kFenced);
  CHECK_NOTHROW(third.check());
}

TEST_CASE("a second writer waits, and takes over when the first is gone") {
  Folder folder;
  auto first = std::make_unique<WriterLease>(folder.acquire());
  CHECK(status_of([&] { folder.acquire({.wait = 50ms}); }) == Status::kTimeout);
  CHECK_NOTHROW(first->check());
  std::thread leaving([&] {
    std::this_thread::sleep_for(100ms);
    first.reset();
  });
  CHECK(folder.acquire({.wait = 60s}).epoch() == 2);
  leaving.join();
}

TEST_CASE("waiting ends when the caller says so") {
  Folder folder;
  const WriterLease first = folder.acquire();
  int asked = 0;
  CHECK(status_of([&] { folder.acquire({.wait = 60s}, [&] { return ++asked == 3; }); }) == Status::kCancelled);
  CHECK(asked == 3);
}

TEST_CASE("of many who come at once one at a time is the writer, and every epoch has one") {
  Folder folder;
  constexpr int kWriters = 8;
  std::vector<std::uint64_t> epochs(kWriters);
  std::atomic<int> holders{0}, most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      const WriterLease lease = folder.acquire({.wait = 60s});
      most = std::max(most.load(), ++holders);
      epochs[static_cast<std::size_t>(i)] = lease.epoch();
      lease.check();
      std::this_thread::sleep_for(5ms);
      --holders;
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::sort(epochs.begin(), epochs.end());
  for (std::size_t i = 0; i < kWriters; ++i) CHECK(epochs[i] == i + 1);
  CHECK(most == 1);
}

TEST_CASE("a writer whose workspace was taken away changes nothing any more") {
  Folder folder;
  StateLayout layout;
  layout.add("weights", {1000}, TensorRole::kParameter);
  const std::vector<float> values(1000, 1.0F);
  const StateView state{&layout, values};
  CheckpointMeta meta;
  meta.run_id = "run";
  const auto open = [&](bool takeover) {
    return std::make_unique<CheckpointStore>(folder.path, StoreOptions{{.keep_last = 2}, {.takeover = takeover}},
                                             system_clock(), Log());
  };
  auto old = open(false);
  for (std::uint64_t step = 1; step <= 4; ++step) {
    meta.step = step;
    old->commit(meta, state);
  }
  // Damaged, so that recovery would have something to rename.
  std::ofstream(folder.path / "ckpt-000000000009-00000009.spck") << "damaged";
  auto successor = open(true);
  const auto before = contents(folder.path);

  CHECK(status_of([&] { old->commit(meta, state); }) == Status::kFenced);
  CHECK(status_of([&] { old->prune("run", [] { return false; }); }) == Status::kFenced);
  CHECK(status_of([&] { old->recover(); }) == Status::kFenced);
  CHECK(status_of([&] { old->prepare(4000, [] { return false; }); }) == Status::kFenced);
  CHECK(status_of([&] { old->check_lease(); }) == Status::kFenced);
  CHECK(status_of([&] { write_file_atomically(folder.path / "log", std::string("x"), &old->staging()); }) !=
        Status::kOk);
  old.reset();
  CHECK(contents(folder.path) == before);
  CHECK_NOTHROW(successor->commit(meta, state));
}

TEST_CASE("what a dead writer was setting aside is brought to its place, all else of it is removed") {
  Folder folder;
  { const WriterLease dead = folder.acquire(); }
  const fs::path workspace = folder.path / workspace_name(1);
  const std::string damaged = "ckpt-000000000001-00000001.spck.corrupt";
  std::ofstream(workspace / damaged) << "evidence";
  std::ofstream(workspace / "save-1") << "half a checkpoint";
  const WriterLease next = folder.acquire();
  CHECK_FALSE(fs::exists(workspace));
  CHECK(read_text_file(folder.path / damaged, 100) == "evidence");
}

TEST_CASE("claims of dead processes are swept, those of living ones are not") {
  Folder folder;
  fs::create_directory(folder.path / ".claim-dead");
  std::ofstream(folder.path / ".claim-dead" / kLockName) << "{}";
  fs::create_directory(folder.path / ".claim-living");
  LivenessLock lock(open_file(folder.path / ".claim-living" / kLockName, O_RDWR | O_CREAT));
  REQUIRE(lock.try_lock() == LockResult::kLocked);
  const WriterLease lease = folder.acquire();
  CHECK_FALSE(fs::exists(folder.path / ".claim-dead"));
  CHECK(fs::exists(folder.path / ".claim-living" / kLockName));
}

TEST_CASE("a lock file that is gone or foreign counts as free: the writer before is fenced, nothing breaks") {
  Folder folder;
  const WriterLease first = folder.acquire();
  fs::remove(folder.path / workspace_name(1) / kLockName);
  const WriterLease second = folder.acquire();
  CHECK(second.epoch() == 2);
  CHECK(status_of([&] { first.check(); }) == Status::kFenced);
}

TEST_CASE("an epoch is newer than every file's, even where the workspaces are gone") {
  Folder folder;
  CHECK(folder.acquire({}, {}, 41).epoch() == 42);
  CHECK(folder.acquire({}, {}, 7).epoch() == 43);
}

TEST_CASE("checkpoints saved after the workspaces were lost are the newer ones") {
  Folder folder;
  StateLayout layout;
  layout.add("weights", {4}, TensorRole::kParameter);
  const std::vector<float> values(4, 1.0F);
  const auto save = [&](std::uint64_t step) {
    CheckpointStore store(folder.path, {}, system_clock(), Log());
    CheckpointMeta meta;
    meta.step = step;
    store.commit(meta, StateView(&layout, values));
    return store.writer_epoch();
  };
  for (std::uint64_t step = 10; step <= 30; step += 10) save(step);
  for (const auto& entry : fs::directory_iterator(folder.path)) {
    if (entry.is_directory()) fs::remove_all(entry.path());
  }
  CHECK(save(5) == 4);
  CHECK(CheckpointStore(folder.path, {}, system_clock(), Log()).recover()->meta.step == 5);
}

#ifndef SPOT_SANITIZED
TEST_CASE("a forked child that lives on does not hold its parent's place") {
  Folder folder;
  int says[2], hears[2];
  REQUIRE(pipe(says) == 0);
  REQUIRE(pipe(hears) == 0);
  // A host that becomes the writer, forks a helper and is killed.
  const pid_t host = fork();
  if (host == 0) {
    const WriterLease lease = folder.acquire();
    if (fork() == 0) {
      char byte = 'x';
      if (write(says[1], &byte, 1) != 1) _exit(1);
      close(hears[1]);
      _exit(static_cast<int>(read(hears[0], &byte, 1)));  // until the test is over
    }
    pause();
  }
  char byte = 0;
  REQUIRE(read(says[0], &byte, 1) == 1);
  CHECK(status_of([&] { folder.acquire(); }) == Status::kTimeout);
  kill(host, SIGKILL);
  waitpid(host, nullptr, 0);
  const WriterLease next = folder.acquire();
  CHECK(next.epoch() == 2);
  close(hears[1]);
}
#endif

TEST_CASE("one that stood still while it claimed an epoch, and others came and went, claims a later one") {
  Folder folder;
  const WriterLease first = folder.acquire();
  std::vector<std::unique_ptr<WriterLease>> others;
  // It is told of the take-over after it has looked at the folder, and before it claims: there it stands still.
  const Log log([&](LogLevel, std::string_view) {
    if (!others.empty()) return;
    for (int i = 0; i < 3; ++i) others.push_back(std::make_unique<WriterLease>(folder.acquire({.takeover = true})));
  });
  const WriterLease late =
      WriterLease::acquire(folder.fd, folder.path, 0, {.takeover = true}, system_clock(), log, StopCheck());
  REQUIRE(others.size() == 3);
  CHECK(late.epoch() == 5);
  CHECK_NOTHROW(late.check());
  for (const auto& other : others) CHECK(status_of([&] { other->check(); }) == Status::kFenced);
  CHECK(entry_names(folder.fd) == std::vector<std::string>{workspace_name(5)});
}

TEST_CASE("a folder in the place of a workspace that was taken away does not make its writer one again") {
  Folder folder;
  const WriterLease first = folder.acquire();
  const WriterLease second = folder.acquire({.takeover = true});
  const WriterLease third = folder.acquire({.takeover = true});
  const WriterLease fourth = folder.acquire({.takeover = true});
  fs::create_directory(folder.path / workspace_name(2));
  CHECK(status_of([&] { second.check(); }) == Status::kFenced);
  CHECK_NOTHROW(fourth.check());
}

TEST_CASE("a workspace or a folder that is missing is an error, and no take-over") {
  Folder folder;
  const WriterLease lease = folder.acquire();
  const fs::path workspace = folder.path / workspace_name(1);
  fs::rename(workspace, folder.path / "elsewhere");
  CHECK(status_of([&] { lease.check(); }) == Status::kIo);
  CHECK(message_of([&] { lease.check(); }).find(workspace.string() + "' is missing") != std::string::npos);
  fs::create_directory(workspace);
  CHECK(status_of([&] { lease.check(); }) == Status::kIo);
  fs::remove(workspace);
  fs::rename(folder.path / "elsewhere", workspace);
  CHECK_NOTHROW(lease.check());
  const fs::path moved = folder.path.string() + "-moved";
  fs::rename(folder.path, moved);
  CHECK(message_of([&] { lease.check(); }).find("is missing") != std::string::npos);
  fs::rename(moved, folder.path);
  CHECK_NOTHROW(lease.check());
}

TEST_CASE("what a rehearsal that was killed left is swept, what a living one has is not") {
  Folder folder;
  fs::create_directory(folder.path / ".claim-dead");
  std::ofstream(folder.path / ".claim-dead" / "second") << "probe";
  std::ofstream(folder.path / ".claim-dead.probe") << "probe";
  fs::create_directory(folder.path / ".claim-living");
  std::ofstream(folder.path / ".claim-living.probe") << "probe";
  LivenessLock lock(open_file(folder.path / ".claim-living" / kLockName, O_RDWR | O_CREAT));
  REQUIRE(lock.try_lock() == LockResult::kLocked);
  const WriterLease lease = folder.acquire();
  CHECK_FALSE(fs::exists(folder.path / ".claim-dead"));
  CHECK_FALSE(fs::exists(folder.path / ".claim-dead.probe"));
  CHECK(fs::exists(folder.path / ".claim-living.probe"));
}

TEST_CASE("a rehearsed commit finds a local disk fit and leaves nothing behind") {
  Folder folder;
  const CommitAbilities abilities = rehearse_commit(folder.fd, folder.path);
  CHECK(abilities.promise.left_out().empty());
  CHECK(abilities.locks);
  CHECK(entry_names(folder.fd).empty());
  CHECK_NOTHROW(check_promise(abilities.promise, false, folder.path));
  const CommitPromise less{.folder_sync = false};
  CHECK(status_of([&] { check_promise(less, false, folder.path); }) == Status::kIo);
  CHECK_NOTHROW(check_promise(less, true, folder.path));
  CHECK(less.left_out() == "folder-sync");
}

TEST_CASE("on a full disk a writer that lives loses nothing to one that could not take over") {
  Folder folder;
  const auto full = [&](LeaseOptions options) {
    bool asked = false;
    folders_left = 0;
    const Status status = status_of([&] {
      WriterLease::acquire(folder.fd, folder.path, 0, options, system_clock(), Log(), {}, [&] {
        asked = true;
        return false;
      });
    });
    folders_left = -1;
    CHECK(status == Status::kNoSpace);
    return asked;
  };
  {
    const WriterLease first = folder.acquire();
    std::ofstream(folder.path / "writer-00000001/save-1") << "half";
    CHECK_FALSE(full({.takeover = true}));
    CHECK(fs::exists(folder.path / "writer-00000001/save-1"));
    first.check();
  }
  std::ofstream(folder.path / "writer-00000001/save-1") << "half";
  CHECK(full({}));
  CHECK_FALSE(fs::exists(folder.path / "writer-00000001/save-1"));
}

TEST_CASE("names of workspaces") {
  CHECK(workspace_name(7) == "writer-00000007");
  CHECK(parse_workspace_name("writer-00000007") == 7);
  CHECK(parse_workspace_name("writer-123456789") == 123456789);
  for (const char* name :
       {"writer-7", "writer-", "writer-0000000x", "writer-000000007", "lock", "writer-18446744073709551614"}) {
    CHECK_FALSE(parse_workspace_name(name));
  }
}
