#include "checkpoint/lease.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <limits.h>
#include <optional>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include "base/access.h"
#include "base/json.h"
#include "base/remove_tree.h"
#include "base/status.h"
#include "base/text.h"
#include "checkpoint/checkpoint_file.h"
#include "checkpoint/trailer.h"

namespace spot {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kWorkspacePrefix = "writer-";
constexpr std::string_view kClaimPrefix = ".claim-";
constexpr std::size_t kEpochDigits = 8;
constexpr milliseconds kLookAgain{20};
/// A writer on this machine may still be putting files into the workspace that is removed.
constexpr int kRemoveAttempts = 100;

Fd open_workspace(const Fd& folder, const std::string& name) {
  return Fd(::openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

std::vector<std::uint64_t> epochs_in(const Fd& folder) {
  std::vector<std::uint64_t> epochs;
  for (const std::string& name : entry_names(folder)) {
    if (const auto epoch = parse_workspace_name(name)) epochs.push_back(*epoch);
  }
  std::sort(epochs.begin(), epochs.end());
  return epochs;
}

/// Who made the workspace, in words.
std::string owner_of(const Fd& folder, std::uint64_t epoch) {
  const Fd file(::openat(folder.get(), cat(workspace_name(epoch), "/", kLockName).c_str(),
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  std::array<char, 512> text{};
  const ssize_t size = file.valid() ? ::read(file.get(), text.data(), text.size()) : -1;
  const auto json = JsonValue::parse({text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))});
  const JsonValue* pid = json ? json->find("pid") : nullptr;
  const JsonValue* host = json ? json->find("host") : nullptr;
  if (pid == nullptr || !pid->is_integer() || host == nullptr || !host->is_text()) return "another writer";
  return cat("process ", pid->integer(), " on host ", printable(host->text()));
}

std::string own_description(const Clock& clock) {
  std::array<char, HOST_NAME_MAX + 1> host{};
  ::gethostname(host.data(), host.size() - 1);
  return cat("{\"pid\":", ::getpid(), ",\"host\":", json_text(host.data()), ",\"started_unix_ns\":", clock.wall_ns(),
             "}\n");
}

/// A claim, or what a rehearsal that was killed left under such a name.
void remove_claim(const Fd& folder, const std::string& name) {
  const Fd claim = open_workspace(folder, name);
  if (!claim.valid()) {
    ::unlinkat(folder.get(), name.c_str(), 0);
    return;
  }
  for (const std::string& file : entry_names(claim)) ::unlinkat(claim.get(), file.c_str(), 0);
  ::unlinkat(folder.get(), name.c_str(), AT_REMOVEDIR);
}

/// A workspace with a locked lock under a name of its own, on its way to become the one of an epoch.
struct Claim {
  std::string name;
  Fd workspace;
  LivenessLock lock;
};

/// Nothing when somebody who sweeps claims took it for a dead one's, before its lock was in place.
std::optional<Claim> make_claim(const Fd& folder, const std::filesystem::path& path, const Clock& clock) {
  Claim claim{new_claim_name(), Fd(), {}};
  if (::mkdirat(folder.get(), claim.name.c_str(), 0700) != 0) {
    fail_path(cat("cannot create a folder in '", path.string(), "'"), errno, path, kShareVolume);
  }
  claim.workspace = open_workspace(folder, claim.name);
  Fd file(claim.workspace.valid()
              ? ::openat(claim.workspace.get(), kLockName, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)
              : -1);
  int error = file.valid() ? 0 : errno;
  if (error == 0) error = share_like(folder.get(), claim.workspace.get());
  if (error == 0) error = share_like(folder.get(), file.get());
  const std::string text = own_description(clock);
  if (error == 0) error = write_all(file.get(), text.data(), text.size());
  // On a full disk the others learn only that there is a writer, not who.
  if (file.valid() && (error == ENOSPC || error == EDQUOT)) error = 0;
  if (error != 0) {
    remove_claim(folder, claim.name);
    if (error == ENOENT) return std::nullopt;
    fail_errno(cat("cannot create a lock file in '", path.string(), "'"), error);
  }
  claim.lock = LivenessLock(std::move(file));
  if (claim.lock.try_lock() == LockResult::kHeld) return std::nullopt;  // by one who sweeps it
  return claim;
}

/// Gives the claim its epoch; false when another writer has that epoch already, or the claim was swept.
bool publish_claim(const Fd& folder, const Claim& claim, std::uint64_t epoch) {
  const std::string name = workspace_name(epoch);
  if (::renameat2(folder.get(), claim.name.c_str(), folder.get(), name.c_str(), RENAME_NOREPLACE) == 0) return true;
  // Without the flag a folder can only replace an empty one, and a workspace holds its lock.
  if ((errno == EINVAL || errno == ENOSYS) &&
      ::renameat(folder.get(), claim.name.c_str(), folder.get(), name.c_str()) == 0) {
    return true;
  }
  const int error = errno;
  remove_claim(folder, claim.name);
  if (error == EEXIST || error == ENOTEMPTY || error == ENOENT) return false;
  fail_errno(cat("cannot create writer's folder '", name, "'"), error);
}

/// Claims whose maker died; a living one's lock is held. Renamed first: one that became a workspace while it was
/// looked at is not there any more under this name, and so is left alone.
void sweep_claims(const Fd& folder) {
  for (const std::string& name : entry_names(folder)) {
    if (!is_claim(name)) continue;
    // Of a rehearsal's file in the folder, the claim that it came from is looked at.
    const std::string claim = name.substr(0, name.find('.', kClaimPrefix.size()));
    LivenessLock lock(Fd(::openat(folder.get(), cat(claim, "/", kLockName).c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC)));
    const std::string doomed = new_claim_name();
    if (lock.try_lock() != LockResult::kHeld &&
        ::renameat(folder.get(), name.c_str(), folder.get(), doomed.c_str()) == 0) {
      remove_claim(folder, doomed);
    }
  }
}

enum class Lock { kKeep, kRemove };

/// Nothing in a workspace was acknowledged. What it was setting aside is brought to where it was going; all else is
/// removed and never written to again, for a frozen writer may hold it open.
void empty_workspace(const Fd& folder, const Fd& workspace, Lock lock) {
  std::vector<std::string> names;
  try {
    names = entry_names(workspace);
  } catch (const Error&) {
    return;  // somebody else has just removed it
  }
  for (const std::string& name : names) {
    if (is_set_aside(name)) {
      ::renameat(workspace.get(), name.c_str(), folder.get(), name.c_str());
    } else if (lock == Lock::kRemove || name != kLockName) {
      remove_tree(workspace, name);
    }
  }
}

/// make_claim(). Where the disk is too full for it, again without what the writers before, who are dead, have left in
/// their workspaces, and again when `make_room` has made some.
std::optional<Claim> make_claim_on_full_disk(const Fd& folder, const std::filesystem::path& path, const Clock& clock,
                                             const std::vector<std::uint64_t>& dead,
                                             const std::function<bool()>& make_room) {
  try {
    return make_claim(folder, path, clock);
  } catch (const Error& error) {
    if (error.status() != Status::kNoSpace) throw;
  }
  for (const std::uint64_t epoch : dead) {
    const Fd workspace = open_workspace(folder, workspace_name(epoch));
    if (workspace.valid()) empty_workspace(folder, workspace, Lock::kKeep);
  }
  try {
    return make_claim(folder, path, clock);
  } catch (const Error& error) {
    if (error.status() != Status::kNoSpace || !make_room || !make_room()) throw;
  }
  return make_claim(folder, path, clock);
}

/// Takes a workspace away from its writer.
void remove_workspace(const Fd& folder, const std::string& name) {
  for (int attempt = 0; attempt < kRemoveAttempts; ++attempt) {
    const Fd workspace = open_workspace(folder, name);
    if (!workspace.valid() && errno == ENOENT) return;
    if (!workspace.valid()) break;
    empty_workspace(folder, workspace, Lock::kRemove);
    if (::unlinkat(folder.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return;
    if (errno != ENOTEMPTY && errno != EEXIST) break;
    std::this_thread::sleep_for(kLookAgain);
  }
  fail_errno(cat("cannot remove '", name,
                 "', the folder of the writer before: stop that writer if it is still at work on "
                 "this machine, and remove what is in it"),
             errno);
}

/// Waiting for the writer of an epoch.
class Wait {
 public:
  Wait(const std::filesystem::path& path, const LeaseOptions& options, const Clock& clock, const Log& log,
       const StopCheck& stop)
      : path_(path), options_(options), clock_(clock), log_(log), stop_(stop), start_ns_(clock.monotonic_ns()) {}

  /// Returns when it is time to look again.
  void pause(const std::string& owner) {
    if (stop_ && stop_()) {
      fail(Status::kCancelled, cat("stopped while waiting for '", path_.string(), "', in use by ", owner));
    }
    if (clock_.monotonic_ns() - start_ns_ >= options_.wait.count()) {
      fail(Status::kTimeout,
           cat("'", path_.string(), "' is in use by ", owner, " (waited ", to_seconds(options_.wait.count()),
               " s): stop it, raise lease_wait_seconds, or set takeover to true"));
    }
    if (!told_) {
      log_.warning(cat("waiting for '", path_.string(), "': in use by ", owner));
      told_ = true;
    }
    std::this_thread::sleep_for(kLookAgain);
  }

 private:
  const std::filesystem::path& path_;
  const LeaseOptions& options_;
  const Clock& clock_;
  const Log& log_;
  const StopCheck& stop_;
  std::int64_t start_ns_;
  bool told_ = false;
};

}  // namespace

std::string workspace_name(std::uint64_t epoch) {
  std::array<char, 40> name;
  std::snprintf(name.data(), name.size(), "writer-%08llu", static_cast<unsigned long long>(epoch));
  return name.data();
}

bool is_claim(std::string_view name) {
  return name.starts_with(kClaimPrefix);
}

std::optional<std::uint64_t> parse_workspace_name(std::string_view name) {
  if (!name.starts_with(kWorkspacePrefix) || name.size() < kWorkspacePrefix.size() + kEpochDigits) return std::nullopt;
  const auto epoch = parse_number<std::uint64_t>(name.substr(kWorkspacePrefix.size()));
  if (!epoch || *epoch > kMaxWriterEpoch || workspace_name(*epoch) != name) return std::nullopt;
  return epoch;
}

std::string new_claim_name() {
  return cat(kClaimPrefix, random_name());
}

WriterLease::WriterLease(const Fd& folder, std::filesystem::path path, std::uint64_t epoch, bool has_predecessor,
                         Fd workspace, LivenessLock lock)
    : folder_(&folder),
      path_(std::move(path)),
      epoch_(epoch),
      has_predecessor_(has_predecessor),
      workspace_(std::move(workspace)),
      lock_(std::move(lock)) {}

WriterLease WriterLease::acquire(const Fd& folder, const std::filesystem::path& path, std::uint64_t last_epoch,
                                 const LeaseOptions& options, const Clock& clock, const Log& log, const StopCheck& stop,
                                 const std::function<bool()>& make_room) {
  Wait wait(path, options, clock, log, stop);
  for (;;) {
    const std::vector<std::uint64_t> before = epochs_in(folder);
    const std::uint64_t epoch = std::max(last_epoch, before.empty() ? 0 : before.back()) + 1;
    // Held until our own lock is in place, so that of several who wait one takes over and the others see it.
    LivenessLock lock_before;
    bool none_lives = before.empty();
    if (!before.empty()) {
      const std::string lock_path = cat(workspace_name(before.back()), "/", kLockName);
      lock_before =
          LivenessLock(Fd(::openat(folder.get(), lock_path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)));
      const LockResult result = lock_before.try_lock();
      none_lives = result == LockResult::kLocked;
      if (result == LockResult::kHeld && !options.takeover) {
        wait.pause(owner_of(folder, before.back()));
        continue;
      }
      if (result == LockResult::kHeld) {
        log.warning(cat("taking '", path.string(), "' over from ", owner_of(folder, before.back())));
      } else if (result == LockResult::kUnsupported) {
        log.warning(cat("cannot tell whether the last writer of '", path.string(), "' still runs; if so it is fenced"));
      }
    }
    // A writer that may live loses nothing before this one has its epoch: it may yet fail to get it.
    std::optional<Claim> claim =
        none_lives ? make_claim_on_full_disk(folder, path, clock, before, make_room) : make_claim(folder, path, clock);
    if (!claim || !publish_claim(folder, *claim, epoch)) continue;
    // Let go before its file is removed: a network file system keeps a file that is open here under another name.
    lock_before = LivenessLock();
    // Whoever stood still until now may have taken an epoch that was used and removed meanwhile.
    const std::vector<std::uint64_t> now = epochs_in(folder);
    if (now.empty() || now.back() != epoch) {
      claim->lock = LivenessLock();
      remove_workspace(folder, workspace_name(epoch));
      continue;
    }
    for (const std::uint64_t old : now) {
      if (old < epoch) remove_workspace(folder, workspace_name(old));
    }
    sweep_claims(folder);
    const int error = sync_folder(folder.get(), options.promise);
    if (error != 0) fail_errno(cat("cannot make folder '", path.string(), "' durable"), error);
    return {folder, path, epoch, !before.empty(), std::move(claim->workspace), std::move(claim->lock)};
  }
}

void WriterLease::check() const {
  struct stat own {};
  struct stat named {};
  if (::fstat(workspace_.get(), &own) != 0) return;
  // By its path: a folder that was renamed is not the volume's any more.
  if (::lstat((path_ / workspace_name(epoch_)).c_str(), &named) != 0) {
    // A folder that cannot be looked at for once says nothing; the renames of the workspace will.
    if (errno != ENOENT && errno != ENOTDIR && errno != ESTALE) return;
    fail_lost();
  }
  if (own.st_ino != named.st_ino || own.st_dev != named.st_dev || is_taken_over()) fail_lost();
}

bool WriterLease::is_taken_over() const {
  try {
    const std::vector<std::uint64_t> epochs = epochs_in(*folder_);
    return !epochs.empty() && epochs.back() > epoch_;
  } catch (const Error&) {
    return false;  // likewise
  }
}

void WriterLease::fail_lost() const {
  bool taken_over = is_taken_over();
  try {
    // Opened anew, which makes a network file system look again; and the workspaces may be lost, too.
    const std::vector<std::uint64_t> epochs = epochs_in(open_directory(path_));
    taken_over = taken_over || (!epochs.empty() && epochs.back() > epoch_) || last_writer_epoch(path_) > epoch_;
  } catch (const Error&) {  // the folder is missing
  }
  if (taken_over) {
    fail(Status::kFenced, cat("another writer has taken over '", path_.string(), "' from writer ", epoch_,
                              ": this run stops and leaves it alone"));
  }
  const std::filesystem::path workspace = path_ / workspace_name(epoch_);
  for (const std::filesystem::path& path : {path_.parent_path(), path_, workspace}) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) == 0) continue;
    fail(Status::kIo,
         cat("'", path.string(), "' is missing: it was removed or renamed while a run was writing to it; ",
             path == workspace ? "run again" : "bring it back and run again", " to go on"),
         {.os_errno = ENOENT});
  }
  fail(Status::kIo,
       cat("'", workspace.string(),
           "' is another folder now, put there while a run was writing to it: "
           "bring the old one back and run again to go on"),
       {.os_errno = ESTALE});
}

}  // namespace spot
