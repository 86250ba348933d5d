#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "base/cancel.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"

namespace spot {

/// Verifies every byte and returns the checkpoint. Throws kCorrupt, naming `origin`, what is wrong and where
/// (byte offset), kUnsupported for a newer major format, or kCancelled when `stop` said so.
Checkpoint decode_checkpoint(std::span<const std::byte> bytes, const std::string& origin, const StopCheck& stop = {});

/// Reads a file into memory, never mapping it, and decodes it. On a volume links are refused; the user's own paths may
/// be some. Throws kNotFound, kIo and like decode_checkpoint().
Checkpoint load_checkpoint(const std::filesystem::path& path, Links links, const StopCheck& stop = {});

/// Everything but the tensors of a file that looks like a checkpoint, without reading them, so that neither their size
/// nor their content matters: at most kGlance bytes. Nothing is verified but the structure. Nothing where that needs
/// more, or the file cannot be read.
std::optional<CheckpointMeta> glance_at_checkpoint(const std::filesystem::path& path);
constexpr std::size_t kGlance = std::size_t{1} << 18;

/// FlatBuffers' version, e.g. "2.0.8".
std::string checkpoint_library_version();

}  // namespace spot
