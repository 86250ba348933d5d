#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/codec.h"

namespace spot {

struct Retention {
  std::uint64_t keep_last = 3;  ///< at least 2
  std::uint64_t keep_best = 1;
};

/// What one committed save was and took. Durations are in nanoseconds.
struct SaveReport {
  std::string path;
  std::string reason;
  std::uint64_t step = 0;
  std::uint64_t generation = 0;
  std::uint64_t bytes = 0;
  std::int64_t stall_ns = 0;    ///< the training thread was held up
  std::int64_t encode_ns = 0;   ///< building and hashing the file's bytes
  std::int64_t commit_ns = 0;   ///< write, fsync, rename, fsync of the directory
  std::int64_t durable_ns = 0;  ///< from the call to durable
  std::int64_t durable_at_ns = 0;  ///< monotonic clock when it was durable
};

/// A file of the store as a listing shows it.
struct StoredFile {
  std::filesystem::path path;
  std::uint64_t step = 0;
  std::uint64_t generation = 0;
  std::uint64_t bytes = 0;
};

/// The checkpoints of one volume: commit, retention, recovery (checkpoint.md). One thread at a time.
class CheckpointStore {
 public:
  /// Opens <volume>/checkpoints, creating it when needed; the volume itself must exist.
  CheckpointStore(const std::filesystem::path& directory, Retention retention, const Clock& clock,
                  Log log);

  /// Makes one state durable; meta.generation is set to the next one. When it returns, the checkpoint
  /// survives a power cut; only then old ones are pruned. Throws kNoSpace, kIo or kFenced and leaves every
  /// earlier checkpoint as it was.
  SaveReport commit(CheckpointMeta meta, const StateView& state);

  /// The newest checkpoint that is whole. Bad files are renamed to *.corrupt and reported. Nothing when
  /// there is none at all; throws kCorrupt when there are checkpoints and every one is bad.
  std::optional<Checkpoint> recover();

  /// Files with a checkpoint's name, newest first.
  static std::vector<StoredFile> list(const std::filesystem::path& directory);

 private:
  void prune();
  void sweep_temporary_files();
  void set_aside(const std::filesystem::path& path, const std::string& why);

  std::filesystem::path directory_;
  Retention retention_;
  const Clock& clock_;
  Log log_;
  CheckpointEncoder encoder_;
  std::string writer_;  ///< names this writer's temporary files
  std::uint64_t next_generation_ = 1;
};

}  // namespace spot
