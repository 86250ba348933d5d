#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "checkpoint/checkpoint.h"

namespace spot {

constexpr std::size_t kTrailerSize = 48;

/// A checkpoint file's bytes: a size-prefixed FlatBuffer and, behind it, the trailer.
struct EncodedCheckpoint {
  std::span<const std::byte> payload;
  std::array<std::byte, kTrailerSize> trailer;

  [[nodiscard]] std::size_t size() const { return payload.size() + trailer.size(); }
};

/// Turns a state into the bytes of a checkpoint file. Keeps its buffer from one call to the next: fresh memory
/// costs more in page faults than everything else together.
class CheckpointEncoder {
 public:
  CheckpointEncoder();
  ~CheckpointEncoder();
  CheckpointEncoder(const CheckpointEncoder&) = delete;
  CheckpointEncoder& operator=(const CheckpointEncoder&) = delete;

  /// The payload is valid until the next call. meta.state_hash must be that of the state. Throws kUnsupported
  /// for a state that does not fit into a file (2 GiB).
  EncodedCheckpoint encode(const CheckpointMeta& meta, const StateView& state);

 private:
  struct Buffer;
  std::unique_ptr<Buffer> buffer_;
};

/// Verifies every byte and returns the checkpoint. Throws kCorrupt, naming `origin`, what is wrong and where
/// (byte offset), or kUnsupported for a newer major format.
Checkpoint decode_checkpoint(std::span<const std::byte> bytes, const std::string& origin);

/// Reads a file into memory, never mapping it, and decodes it. Throws kNotFound, kIo and like
/// decode_checkpoint().
Checkpoint load_checkpoint(const std::filesystem::path& path);

/// FlatBuffers' version, e.g. "2.0.8".
std::string checkpoint_library_version();

}  // namespace spot
