#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/cancel.h"
#include "data/content.h"

namespace spot {

/// How programs keep labels in memory, in the byte order of the machine.
enum class LabelType : std::uint8_t { kUint8, kInt32, kInt64 };

/// Bytes a label.
std::size_t size_of(LabelType type);

/// Labels as the engine takes them. They may lie at any address. Throws kData, naming the first that is not from 0 to
/// 255, and kCancelled when `stop` said so.
ByteValues read_labels(std::span<const std::byte> labels, LabelType type, const std::string& origin,
                       const StopCheck& stop);

}  // namespace spot
