#pragma once

#include <cstddef>
#include <filesystem>
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

/// FlatBuffers' version, e.g. "2.0.8".
std::string checkpoint_library_version();

}  // namespace spot
