#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/checkpoint_file.h"
#include "checkpoint/codec.h"

namespace spot {

struct Retention {
  std::uint64_t keep_last = 3;  ///< newest good files, at least 2
  std::uint64_t keep_best = 1;  ///< most accurate ones beside them
};

/// What one committed save was and took. Durations are in nanoseconds.
struct SaveReport {
  std::string path;
  std::string reason;
  std::uint64_t step = 0;
  std::uint64_t generation = 0;
  std::uint64_t bytes = 0;
  std::int64_t stall_ns = 0;       ///< the training thread was held up
  std::int64_t encode_ns = 0;      ///< building and hashing the file's bytes
  std::int64_t commit_ns = 0;      ///< write, fsync, rename, fsync of the directory
  std::int64_t durable_ns = 0;     ///< from the call to durable
  std::int64_t durable_at_ns = 0;  ///< monotonic clock when it was durable
};

/// The checkpoints of one volume: commit, retention and recovery. One thread at a time.
class CheckpointStore {
 public:
  /// Opens <volume>/checkpoints, creating it when needed; the volume itself must exist.
  CheckpointStore(const std::filesystem::path& directory, Retention retention, const Clock& clock, Log log);

  /// Makes one state durable; generation and state hash of `meta` are filled in here. When it returns, the
  /// checkpoint survives a power cut; old ones are then pruned by prune(). Throws kNoSpace, kIo or kFenced and
  /// leaves every earlier checkpoint as it was.
  SaveReport commit(CheckpointMeta meta, const StateView& state);

  /// Removes the files that the retention rules do not keep. Only after a commit: what is kept then is known
  /// to be whole.
  void prune();

  /// The newest checkpoint that is whole; newer damaged ones are renamed to *.corrupt and reported. One whose
  /// restore was begun three times and never confirmed is set aside too: it kills its restorer. Nothing when
  /// there is no checkpoint at all. Throws kCorrupt when there are some and none is good, changing nothing,
  /// and kUnsupported for the newest one's format.
  std::optional<Checkpoint> recover();
  /// The checkpoint that recover() gave has been taken over.
  void confirm_restore();

 private:
  /// What retention knows of a file; nothing for a damaged one.
  using Accuracy = std::optional<double>;

  void set_aside(const std::filesystem::path& path, const std::string& why);
  [[nodiscard]] std::filesystem::path attempts_path() const { return directory_ / "restoring"; }
  [[nodiscard]] int attempts_of(const std::string& name) const;
  void count_attempt(const std::string& name, int attempts);
  const Accuracy& accuracy_of(const std::filesystem::path& path);

  std::filesystem::path directory_;
  Fd directory_fd_;
  Retention retention_;
  const Clock& clock_;
  Log log_;
  CheckpointEncoder encoder_;
  std::string writer_;  ///< names this writer's temporary files
  std::uint64_t next_generation_ = 1;
  std::map<std::string, Accuracy> accuracies_;  ///< of files that were written or read, by name
};

}  // namespace spot
