#include "checkpoint/rehearsal.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <unistd.h>

#include <sys/stat.h>

#include "base/access.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"
#include "checkpoint/lease.h"
#include "checkpoint/liveness_lock.h"

namespace spot {
namespace {

constexpr int kNewFile = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;

/// The folder of a rehearsal has the name of a claim, so that a writer sweeps what a killed process left; and a lock,
/// so that it sweeps nothing of a living one.
class Rehearsal {
 public:
  Rehearsal(const Fd& folder, const std::filesystem::path& path)
      : folder_(folder), path_(path), name_(new_claim_name()), published_(name_ + ".probe") {}
  ~Rehearsal() { clean_up(); }
  Rehearsal(const Rehearsal&) = delete;
  Rehearsal& operator=(const Rehearsal&) = delete;

  CommitAbilities walk(const StopCheck& stop) {
    const std::int64_t start = system_clock().monotonic_ns();
    make_folder();
    try_lock();
    write_file("first");
    check_stop(stop, "rehearsing a save");
    publish();
    check_stop(stop, "rehearsing a save");
    sync_the_folder();
    take_back();
    rename_the_folder();
    abilities_.milliseconds = to_milliseconds(system_clock().monotonic_ns() - start);
    return abilities_;
  }

 private:
  void check(int error, const char* what) const {
    if (error != 0)
      fail_path(cat("volume folder '", path_.string(), "' is no place for checkpoints: ", what), error, path_,
                kShareVolume);
  }

  void make_folder() {
    check(::mkdirat(folder_.get(), name_.c_str(), 0700) == 0 ? 0 : errno, "cannot create a folder in it");
    inside_ = Fd(::openat(folder_.get(), name_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    check(inside_.valid() ? share_like(folder_.get(), inside_.get()) : errno,
          "cannot open a folder that was made in it");
  }

  void try_lock() {
    Fd file(::openat(inside_.get(), kLockName, kNewFile, 0600));
    check(file.valid() ? 0 : errno, "cannot create a file in it");
    lock_ = LivenessLock(std::move(file));
    LivenessLock second(Fd(::openat(inside_.get(), kLockName, O_RDWR | O_NOFOLLOW | O_CLOEXEC)));
    abilities_.locks = lock_.try_lock() == LockResult::kLocked && second.try_lock() == LockResult::kHeld;
  }

  void write_file(const char* name) {
    static constexpr std::array<char, 4096> kBlock{};
    Fd file(::openat(inside_.get(), name, kNewFile, 0600));
    check(file.valid() ? 0 : errno, "cannot create a file in it");
    check(write_all_at(file.get(), kBlock.data(), kBlock.size(), 0), "cannot write to a file in it");
    const int error = sync_file(file.get(), CommitPromise());
    abilities_.promise.file_sync = abilities_.promise.file_sync && !means_unsupported(error);
    if (!means_unsupported(error)) check(error, "cannot sync a file in it");
    check(file.close(), "cannot close a file in it");
  }

  void publish() {
    Publishing how{};
    const CommitPromise weakest{.file_sync = false, .folder_sync = false, .no_replace = false};
    const int strict = publish_name(inside_.get(), "first", folder_.get(), published_, CommitPromise(), how);
    if (strict == 0) {
      // Some accept the flag that forbids to replace, and replace all the same.
      write_file("second");
      abilities_.promise.no_replace =
          publish_name(inside_.get(), "second", folder_.get(), published_, CommitPromise(), how) == EEXIST;
      return;
    }
    abilities_.promise.no_replace = false;
    if (strict != EPERM && !means_unsupported(strict)) check(strict, "cannot rename a file into it");
    check(publish_name(inside_.get(), "first", folder_.get(), published_, weakest, how),
          "cannot rename a file into it");
  }

  void sync_the_folder() {
    const int error = sync_folder(folder_.get(), CommitPromise());
    abilities_.promise.folder_sync = !means_unsupported(error);
    if (!means_unsupported(error)) check(error, "cannot sync it");
  }

  void take_back() {
    check(::renameat(folder_.get(), published_.c_str(), inside_.get(), "back") == 0 ? 0 : errno,
          "cannot rename a file out of it");
  }

  void rename_the_folder() {
    std::string renamed = new_claim_name();
    check(::renameat(folder_.get(), name_.c_str(), folder_.get(), renamed.c_str()) == 0 ? 0 : errno,
          "cannot rename a folder in it");
    name_ = std::move(renamed);
  }

  void clean_up() {
    ::unlinkat(folder_.get(), published_.c_str(), 0);
    lock_ = LivenessLock();
    for (const char* name : {"first", "second", "back", kLockName}) {
      if (inside_.valid()) ::unlinkat(inside_.get(), name, 0);
    }
    ::unlinkat(folder_.get(), name_.c_str(), AT_REMOVEDIR);
  }

  const Fd& folder_;
  const std::filesystem::path& path_;
  std::string name_;
  std::string published_;
  Fd inside_;
  LivenessLock lock_;
  CommitAbilities abilities_;
};

}  // namespace

CommitAbilities rehearse_commit(const Fd& folder, const std::filesystem::path& path, const StopCheck& stop) {
  constexpr int kAttempts = 3;
  for (int attempt = 1;; ++attempt) {
    try {
      return Rehearsal(folder, path).walk(stop);
    } catch (const Error& error) {
      // A writer that began at this moment took the folder for a dead one's, before its lock was in place.
      if (error.details().os_errno != ENOENT || attempt == kAttempts) throw;
    }
  }
}

std::string describe_lack(const CommitPromise& promise) {
  std::string text;
  const auto add = [&](bool promised, const char* what) {
    if (!promised) text += cat(text.empty() ? "" : " and ", what);
  };
  add(promise.file_sync, "cannot sync a file (fdatasync)");
  add(promise.folder_sync, "cannot sync a folder (fsync)");
  add(promise.no_replace, "can neither rename without replacing (RENAME_NOREPLACE) nor link");
  return text;
}

void check_promise(const CommitPromise& promise, bool weak, const std::filesystem::path& path) {
  const std::string lack = describe_lack(promise);
  if (lack.empty() || weak) return;
  fail(Status::kIo,
       cat("the file system of volume folder '", path.string(), "' ", lack,
           ", so a checkpoint that was reported durable could be lost: use a disk with a file system of its "
           "own (ext4, xfs) or NFS, or set durability to weak"));
}

}  // namespace spot
