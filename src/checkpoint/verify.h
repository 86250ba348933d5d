#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace spot {

/// What verification found of one file.
struct FileVerdict {
  std::filesystem::path path;
  bool valid = false;
  std::uint64_t step = 0;
  std::uint64_t generation = 0;
  std::uint64_t bytes = 0;
  std::string state_hash;  ///< empty unless valid
  std::string error;       ///< empty when valid
};

/// Verifies the file at `path`, or every checkpoint of the folder, newest first, those set aside included;
/// `path` may also be a volume. Changes nothing. Throws kNotFound when there is none.
std::vector<FileVerdict> verify_checkpoints(const std::filesystem::path& path);

/// A checkpoint and where it was found.
struct FoundCheckpoint {
  std::filesystem::path path;
  Checkpoint checkpoint;
};

/// The file at `path`, or the newest good one of the folder or volume. Changes nothing. Throws kNotFound, or
/// kCorrupt when every one is damaged.
FoundCheckpoint find_checkpoint(const std::filesystem::path& path);

}  // namespace spot
