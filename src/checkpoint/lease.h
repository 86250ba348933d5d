#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "checkpoint/commit_steps.h"
#include "checkpoint/liveness_lock.h"

namespace spot {

struct LeaseOptions {
  std::chrono::nanoseconds wait{0};  ///< for a writer that holds the folder
  bool takeover = false;             ///< take it from such a writer at once
  CommitPromise promise{};           ///< what the folder's file system can do
};

/// The right to write to a folder of checkpoints, or of snapshots. Each writer has an epoch, one more than the writer
/// before it, and a workspace, the folder writer-<epoch>: every file that it publishes is made there and renamed out,
/// every file that it removes is renamed in. The next writer removes the workspace; from then on each such rename
/// fails, so that a writer which was frozen meanwhile can change nothing any more. That holds on any file system: the
/// lock in the workspace only tells whether its writer lives, for those who would rather wait.
class WriterLease {
 public:
  /// Waits for the present writer while it lives, then takes over. `folder` is the open `path` and must outlive
  /// the lease. The epoch is larger than `last_epoch`, should workspaces have been lost. On a full disk, and only where
  /// the writers before are known to be dead, what they have left in their workspaces is removed; then `make_room` is
  /// asked to remove something of the folder, once (false: it could not). Throws kTimeout when the wait was too short,
  /// kCancelled when `stop` said so, kNoSpace, kIo.
  static WriterLease acquire(const Fd& folder, const std::filesystem::path& path, std::uint64_t last_epoch,
                             const LeaseOptions& options, const Clock& clock, const Log& log, const StopCheck& stop,
                             const std::function<bool()>& make_room = {});

  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  [[nodiscard]] const Fd& workspace() const { return workspace_; }
  /// Whether there was a writer before. Whatever its lock said, it may still be alive and hold files open.
  [[nodiscard]] bool has_predecessor() const { return has_predecessor_; }
  /// Throws kFenced when another writer has taken over, and kIo when the folder or the workspace is missing without
  /// that. May be called from any thread.
  void check() const;
  /// The workspace is not where it was: throws as check() does.
  [[noreturn]] void fail_lost() const;

 private:
  WriterLease(const Fd& folder, std::filesystem::path path, std::uint64_t epoch, bool has_predecessor, Fd workspace,
              LivenessLock lock);
  [[nodiscard]] bool is_taken_over() const;

  const Fd* folder_;
  std::filesystem::path path_;
  std::uint64_t epoch_;
  bool has_predecessor_;
  Fd workspace_;
  LivenessLock lock_;
};

/// The epoch of a workspace's name; nothing for any other name.
std::optional<std::uint64_t> parse_workspace_name(std::string_view name);
std::string workspace_name(std::uint64_t epoch);
/// Whether this is the name of a workspace on its way to become one.
bool is_claim(std::string_view name);
/// One that nobody else has.
std::string new_claim_name();

/// What a workspace holds beside files on their way.
constexpr const char* kLockName = "lock";

}  // namespace spot
