#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/encoder.h"
#include "checkpoint/lease.h"
#include "checkpoint/restore_attempts.h"
#include "checkpoint/retention.h"
#include "checkpoint/save_reason.h"
#include "checkpoint/workspace.h"

namespace spot {

/// Files of a run beside those that the retention rules keep: the one of a save in progress, and one recycled.
constexpr std::uint64_t kFilesBeside = 2;

/// The size, at most, of the checkpoint file of a state of so many bytes.
std::uint64_t checkpoint_bytes(std::size_t state_bytes);

/// Bytes of those checkpoint files of a folder that later saves of run `run_id` (empty: of the newest file's run) will
/// be written over or make superfluous. Those that keep_every keeps for ever are none.
std::uint64_t reusable_bytes(const std::filesystem::path& directory, std::string run_id, std::uint64_t keep_every);

struct StoreOptions {
  Retention retention;
  LeaseOptions lease;
  AllowedValues values = AllowedValues::kAny;  ///< of states that are saved or recovered
};

/// What one committed save was and took. Durations are in nanoseconds.
struct SaveReport {
  std::string path;
  SaveReason reason = SaveReason::kRequest;  ///< filled in by AsyncWriter
  std::uint64_t step = 0;
  std::uint64_t generation = 0;
  std::uint64_t bytes = 0;
  std::int64_t stall_ns = 0;       ///< the training thread was held up
  std::int64_t processor_ns = 0;   ///< the writer's thread computed; by AsyncWriter
  std::int64_t encode_ns = 0;      ///< copying and hashing
  std::int64_t write_ns = 0;       ///< handing the bytes to the file system
  std::int64_t fsync_ns = 0;       ///< fsync, close, rename, fsync of the folder
  std::int64_t durable_ns = 0;     ///< from the call to durable
  std::int64_t durable_at_ns = 0;  ///< monotonic clock when it was durable
  std::string not_promised;        ///< CommitPromise::left_out()
  std::uint64_t superseded = 0;    ///< interval saves that this one replaced before they began; by AsyncWriter
};

/// The checkpoints of one volume, in the hands of the one writer that holds its lease: commit, retention and
/// recovery. One thread at a time, but for check_lease().
class CheckpointStore {
 public:
  /// Opens <volume>/checkpoints, creating it when needed (the volume itself must exist), and acquires the lease;
  /// `stop` is asked while waiting for it. Throws what WriterLease::acquire() does.
  CheckpointStore(const std::filesystem::path& directory, const StoreOptions& options, const Clock& clock, Log log,
                  const StopCheck& stop = {});

  /// Makes one state durable; generation, writer epoch and state hash of `meta` are filled in here. When it
  /// returns, the checkpoint survives a power cut; old ones are then pruned by prune(), or, where that was left out,
  /// before the next commit: the files of a run, those of the workspace included, are never more than keep_last,
  /// keep_best, the milestones and kFilesBeside. On a full disk it makes room by what may go, in the end by all but
  /// the last two and the best, and tries again; but not where the file has its name and only the sync of the folder
  /// failed. Throws kNoSpace, kIo, kFenced or kDiverged (a value that is not allowed) and leaves the earlier
  /// checkpoints that are kept as they were.
  SaveReport commit(CheckpointMeta meta, const StateReader& state);

  /// Takes back the files of run `run_id` that the retention rules do not keep. Only what is durable, and written or
  /// verified by this process, counts as kept, and what recovery would object to only where there is nothing better.
  /// Other runs' files are theirs. When `stop` says so, because a save
  /// waits, nothing is read and no sync waited for; what is left out then is done by the next save.
  void prune(const std::string& run_id, const StopCheck& stop);
  /// Verifies what prune() would have to, unless `stop` says so before.
  void look_around(const std::string& run_id, const StopCheck& stop);
  /// Makes a file ready for the next save, of a state of so many bytes, unless there is one, there is no room for it,
  /// or `stop` says so.
  void prepare(std::size_t state_bytes, const StopCheck& stop);
  /// Removes what was made ready, to leave its room to something else.
  void release_spares();

  /// The newest checkpoint, by lineage, that is whole; newer damaged ones are renamed to *.corrupt and reported.
  /// One whose restore was begun three times and never confirmed is set aside too: it kills its restorer. One with a
  /// value that is not allowed is passed over and reported. Nothing when there is no checkpoint at all. Throws,
  /// changing nothing, kCorrupt when there are some and none is whole, kDiverged when those that are whole have values
  /// that are not allowed, kUnsupported for the newest one's format, and kCancelled when `stop` said so.
  std::optional<Checkpoint> recover(const StopCheck& stop = {});
  /// The checkpoint that recover() gave has been taken over.
  void confirm_restore();

  [[nodiscard]] std::uint64_t writer_epoch() const { return lease_.epoch(); }
  [[nodiscard]] bool has_predecessor() const { return lease_.has_predecessor(); }
  /// Throws kFenced when another writer has taken over. From any thread.
  void check_lease() const { lease_.check(); }
  /// Where files are made that are to be renamed into the volume: impossible once the lease is lost.
  [[nodiscard]] const Fd& staging() const { return lease_.workspace(); }

 private:
  /// What retention knows of a file; nothing for a damaged one.
  struct Known {
    std::string run_id;
    std::uint64_t step = 0;
    double accuracy = 0;
    bool verified = true;   ///< false: nothing but the structure of its tables
    bool resumable = true;  ///< recovery has no objection
  };
  using MaybeKnown = std::optional<Known>;

  static Known describe(const CheckpointMeta& meta);
  /// Nothing when the file is gone. Throws kCorrupt when it must not be taken.
  std::optional<Checkpoint> try_restore(const std::filesystem::path& path, const StopCheck& stop);
  /// Why a whole checkpoint must not be taken; empty: it may be.
  [[nodiscard]] std::string objection_to(const Checkpoint& checkpoint) const;
  /// What is known without reading the tensors.
  MaybeKnown& glance_at(const std::filesystem::path& path);
  /// Reads and verifies all of it.
  void examine(const std::filesystem::path& path, MaybeKnown& known, const StopCheck& stop) const;
  WriterLease acquire_lease(const StoreOptions& options, const StopCheck& stop) const;
  /// Removes the oldest file that a full disk need not keep, of the newest one's run; false when there is none. Only
  /// while no other writer lives.
  [[nodiscard]] bool remove_oldest(const StopCheck& stop) const;
  SaveReport try_to_commit(CheckpointMeta& meta, const StateReader& state);
  /// The run's durable files, newest first, those that recovery would object to last. Those that are kept in place of
  /// others are whole. Nothing when `stop` said so before that was known.
  std::optional<std::vector<RetentionCandidate>> candidates_of(const std::string& run_id, const StopCheck& stop);
  /// False when `stop` said so.
  bool recycle_superseded(const std::string& run_id, const StopCheck& stop);
  void drop_doubtful(std::uint64_t before_generation);
  /// See commit().
  void keep_bound(const std::string& run_id);
  /// The name of that generation is there, but perhaps not on the disk.
  [[nodiscard]] bool is_doubtful(std::uint64_t generation) const;
  /// False when nothing is left that may go.
  bool make_room(const CheckpointMeta& meta);
  [[nodiscard]] bool is_short_of_room() const;

  std::filesystem::path directory_;
  Fd directory_fd_;
  const Retention wanted_;
  Retention retention_;  ///< less than wanted_ while there is no room for that
  std::string not_promised_;
  AllowedValues values_;
  const Clock& clock_;
  Log log_;
  CheckpointEncoder encoder_;
  WriterLease lease_;
  Workspace workspace_;
  std::uint64_t next_generation_ = 1;
  RestoreAttempts attempts_;
  std::map<std::string, MaybeKnown> known_;  ///< of files that were written or read, by name
  /// Published files whose folder could not be synced, and their generations: they do not count as kept.
  std::map<std::string, std::uint64_t> doubtful_;
  std::uint64_t durable_generation_ = 0;  ///< of the last commit
  std::uint64_t file_bytes_ = 0;          ///< likewise
};

}  // namespace spot
