#pragma once

#include <cstddef>
#include <cstdint>

namespace spot {

/// What the values of an image are: bytes, of which a network sees value / 255, or floats, which it sees as they are.
enum class PixelType : std::uint8_t { kUint8, kFloat32 };

/// Bytes a value.
constexpr std::size_t size_of(PixelType type) {
  return type == PixelType::kUint8 ? 1 : sizeof(float);
}

}  // namespace spot
