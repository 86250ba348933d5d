#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "checkpoint/verify.h"
#include "snapshot/manifest.h"

namespace spot {

/// What verification found of one generation.
struct SnapshotVerdict {
  std::filesystem::path path;
  FileState state = FileState::kForeign;
  bool restore = false;  ///< the one that would be put back
  std::uint64_t generation = 0;
  std::uint64_t writer_epoch = 0;
  Extent extent;      ///< empty unless whole
  std::string error;  ///< why it is not whole; empty: nothing to say
};

/// Verifies every byte of one generation, of all generations of a folder, or of those of all folders that a volume, or
/// its snapshots/, keeps: of each the newest first, in the order in which they would be put back, then what was set
/// aside. Changes nothing. Throws kNotFound when there is none, and kCancelled.
std::vector<SnapshotVerdict> verify_snapshots(const std::filesystem::path& path, const StopCheck& stop = {});

}  // namespace spot
