#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "checkpoint/checkpoint.h"

namespace spot {

enum class FileState {
  kWhole,       ///< every byte verified
  kDamaged,     ///< has a checkpoint's name and is none; recovery would set it aside
  kNewer,       ///< of a newer format: recovery would refuse to go on
  kSetAside,    ///< *.corrupt
  kInProgress,  ///< in a writer's workspace: being written, or spare
  kForeign,     ///< none of ours
};

/// "whole", "damaged", "newer format", "set aside", "in progress", "foreign".
const char* to_text(FileState state);

/// What verification found of one file.
struct FileVerdict {
  std::filesystem::path path;
  FileState state = FileState::kForeign;
  bool resume = false;  ///< recovery would take this one, when it passes over states that are not finite
  std::uint64_t step = 0;
  std::uint64_t generation = 0;
  std::uint64_t writer_epoch = 0;
  std::uint64_t bytes = 0;
  std::string run_id;      ///< empty unless whole
  std::string state_hash;  ///< empty unless whole
  std::string error;       ///< why it is not whole, or would not be resumed; empty: nothing to say
};

/// Verifies the file at `path`, or every file of the folder: checkpoints first, in the order in which recovery
/// looks at them, then the others. `path` may also be a volume. Changes nothing. Throws kNotFound when there is
/// no checkpoint, not even a damaged one, and kCancelled when `stop` said so.
std::vector<FileVerdict> verify_checkpoints(const std::filesystem::path& path, const StopCheck& stop = {});

/// What there is to say of something that could not be read as what its name promises.
struct Refusal {
  FileState state;
  std::string why;
};
Refusal refusal(const std::filesystem::path& path, const Error& error, FileState state_when_damaged);

/// A checkpoint and where it was found.
struct FoundCheckpoint {
  std::filesystem::path path;
  std::uint64_t bytes = 0;
  Checkpoint checkpoint;
};

/// The file at `path`, or the newest good one of the folder or volume: one whose state is not finite only when there is
/// no better. Changes nothing. Throws kNotFound, kCorrupt when every one is damaged, or kCancelled.
FoundCheckpoint find_checkpoint(const std::filesystem::path& path, const StopCheck& stop = {});

}  // namespace spot
