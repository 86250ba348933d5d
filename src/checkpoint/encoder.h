#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "checkpoint/checkpoint.h"

namespace spot {

/// Takes a file's bytes while they are made.
class BlockSink {
 public:
  virtual ~BlockSink() = default;
  /// The file will be these bytes; what they are comes with ready().
  virtual void begin(std::span<const std::byte> image) = 0;
  /// Bytes [begin, end) of the image are final: whole blocks, each told once, in no promised order.
  virtual void ready(std::size_t begin, std::size_t end) = 0;
};

/// Which values a state may have.
enum class AllowedValues : std::uint8_t { kAny, kFinite };

/// The bytes of a checkpoint file.
struct EncodedCheckpoint {
  std::span<const std::byte> image;
  std::string state_hash;
};

/// Turns a state into the bytes of a checkpoint file. Keeps its buffers from one call to the next: fresh memory
/// costs more in page faults than everything else together.
class CheckpointEncoder {
 public:
  CheckpointEncoder();
  ~CheckpointEncoder();
  CheckpointEncoder(const CheckpointEncoder&) = delete;
  CheckpointEncoder& operator=(const CheckpointEncoder&) = delete;

  /// The image is valid until the next call; meta.state_hash is not read but computed. `sink` may be null.
  /// Throws kUnsupported for a state that does not fit into a file (2 GiB), kDiverged for one with a value that is not
  /// allowed, and whatever the sink throws.
  EncodedCheckpoint encode(const CheckpointMeta& meta, const StateReader& state, BlockSink* sink,
                           AllowedValues values = AllowedValues::kAny);

 private:
  struct Buffers;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace spot
