#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "checkpoint/lease.h"
#include "checkpoint/workspace.h"
#include "snapshot/folder_copy.h"
#include "snapshot/generation.h"
#include "snapshot/manifest.h"
#include "snapshot/restore.h"

namespace spot {

struct SnapshotOptions {
  std::uint64_t keep_last = 3;  ///< newest generations that are kept, at least 2
  LeaseOptions lease;
};

/// What became of a snapshot; the numbers are those of SPOT_SNAPSHOT_...
enum class SnapshotOutcome : std::int32_t {
  kNone = 0,  ///< there is none to put back
  kSaved = 1,
  kUnchanged = 2,  ///< the folder is as the newest snapshot has it, so there is no new one
  kRestored = 3,
  kKept = 4,  ///< the folder is at least as new as the newest snapshot, and was left alone
};

/// Of one call of commit() or restore().
struct SnapshotReport {
  SnapshotOutcome outcome = SnapshotOutcome::kNone;
  std::string path;  ///< of the snapshot
  std::uint64_t generation = 0;
  Extent extent;
  std::uint64_t bytes_copied = 0;  ///< the other files are those of an earlier snapshot
  std::int64_t copy_ns = 0;        ///< commit: how long copy() took
  std::int64_t total_ns = 0;       ///< commit: from the begin of copy() to durable; restore: of the call
  std::string moved_to{};          ///< restore: where what was in the folder is now; empty: there was nothing
};

/// The snapshots of one folder, in the hands of the one writer that holds their lease. A snapshot is made in two steps,
/// so that somebody can look at the copy between them: copy() and commit(), which follows the protocol of a checkpoint
/// (checkpoint/workspace.cpp). One thread at a time.
class SnapshotStore {
 public:
  /// `directory` must exist; `folder` is created. Acquires the lease; `stop` is asked while waiting for it. Throws what
  /// WriterLease::acquire() does, and kConfig when one of the two folders lies in the other's way.
  SnapshotStore(const std::filesystem::path& directory, const std::filesystem::path& folder,
                const SnapshotOptions& options, const Clock& clock, Log log, const StopCheck& stop);
  ~SnapshotStore() { discard_copy(); }
  SnapshotStore(const SnapshotStore&) = delete;
  SnapshotStore& operator=(const SnapshotStore&) = delete;

  /// Copies the folder as it is at one moment into the workspace. Returns where the copy is: until the next call. On a
  /// full disk it makes room by removing the oldest generations, but never the last two. Throws kBusy, kNoSpace, kIo,
  /// kData, kFenced, kCancelled, and leaves all generations that are kept as they were.
  std::filesystem::path copy(const StopCheck& stop);
  /// Makes the copy the newest generation, durable when this returns, and removes those that need not be kept. Throws
  /// kOrder when there is no copy, else as copy().
  SnapshotReport commit(const StopCheck& stop);

  /// Puts the newest whole generation back into the folder, unless the folder is at least as new. What is there
  /// otherwise, or in any case with `replace`, is moved to a folder beside it. Damaged generations are renamed to
  /// *.corrupt once a whole one is found. Throws, changing nothing, kCorrupt when there are some and none is whole, and
  /// kUnsupported for the newest one's format.
  SnapshotReport restore(bool replace, const StopCheck& stop);

 private:
  struct Copy {
    std::string name;  ///< in the workspace
    FolderCopy content;
    std::int64_t began_ns = 0;
    std::int64_t took_ns = 0;
  };
  /// A generation that is known to be whole, and what it is a copy of.
  struct Known {
    Generation generation;
    Manifest manifest;
    CopiedTree originals;
  };

  /// Calls action() again as long as it finds the disk full and room can be made.
  void with_room(const std::function<void()>& action, const StopCheck& stop);
  /// Removes the oldest generation that is not among the newest two whole ones; false when there is none.
  bool make_room(const StopCheck& stop);
  void prune();
  void discard_copy();
  [[nodiscard]] Manifest describe_copy() const;
  void write_manifest(const Manifest& manifest) const;
  void mark_folder(const Descent& descent) const;
  void remember(Generation generation, Manifest manifest, const StopCheck& stop);
  /// Whether every byte of it was written or read by this process.
  [[nodiscard]] bool is_whole(const Generation& generation, const StopCheck& stop);

  std::filesystem::path directory_;
  Fd directory_fd_;
  const SnapshotOptions options_;
  const Clock& clock_;
  Log log_;
  WriterLease lease_;
  Workspace workspace_;
  LiveFolder live_;  ///< after the lease: another process may be at work on the folder until then
  std::uint64_t next_number_ = 1;
  std::optional<Copy> copy_;
  std::optional<Known> newest_;
  std::set<std::string> whole_;  ///< names of generations that were written or verified by this process
};

}  // namespace spot
