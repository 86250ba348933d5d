#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "checkpoint/checkpoint.h"

namespace spot {

/// Turns a state into the bytes of a checkpoint file; keeps its buffer from one call to the next.
class CheckpointEncoder {
 public:
  CheckpointEncoder();
  ~CheckpointEncoder();
  CheckpointEncoder(const CheckpointEncoder&) = delete;
  CheckpointEncoder& operator=(const CheckpointEncoder&) = delete;

  /// Size-prefixed FlatBuffer and trailer; valid until the next call.
  std::span<const std::byte> encode(const CheckpointMeta& meta, const StateView& state);

 private:
  struct Buffer;
  std::unique_ptr<Buffer> buffer_;
};

/// Verifies every byte and returns the checkpoint. Throws kCorrupt, naming `origin`, what is wrong and where
/// (byte offset), or kUnsupported for a newer major format.
Checkpoint decode_checkpoint(std::span<const std::byte> bytes, const std::string& origin);

/// read_file() and decode_checkpoint().
Checkpoint load_checkpoint(const std::string& path);

}  // namespace spot
