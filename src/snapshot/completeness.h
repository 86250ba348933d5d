#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/cancel.h"

namespace spot {

/// What says that the checkpoints in a folder are whole.
enum class CompletenessRule : std::uint8_t {
  kQuiet,        ///< nothing: that nobody writes there any more is enough
  kHuggingFace,  ///< each checkpoint-N has its trainer_state.json
  kPytorch,      ///< each .pt, .pth and .ckpt file is a whole zip, as torch.save() writes it
  kPytorchDcp,   ///< no folder is empty, each with .distcp files has its .metadata
  kOrbax,        ///< each step has its _CHECKPOINT_METADATA or commit_success.txt
  kKeras,        ///< each .keras file is a whole zip, each .h5 file a whole HDF5
};

/// "quiet", "hugging-face", "pytorch", "pytorch-dcp", "orbax", "keras". Throws kConfig for any other word.
CompletenessRule completeness_rule(std::string_view name);

/// Why the folder is not whole by that rule; empty: it is. Where a rule finds no checkpoint at all, it is not. Throws
/// kIo, kData, kCancelled.
std::string why_incomplete(const std::filesystem::path& folder, CompletenessRule rule, const StopCheck& stop);

}  // namespace spot
