#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace spot {

/// The bytes of a file, or of a part of one, and whatever keeps them in memory.
struct Content {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> memory;
  std::string origin;  ///< for messages
};

/// One byte a value: those that were read, or a copy of them in `memory` when they had another type.
struct ByteValues {
  std::span<const std::uint8_t> view;
  std::shared_ptr<const void> memory;
};

}  // namespace spot
