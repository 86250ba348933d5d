#pragma once

#include <cstdint>
#include <cstring>

#include "engine/cuda/kernels/host_device.h"

namespace spot::cuda {

/// The upper half of a float32.
struct Bfloat16 {
  std::uint16_t bits;
};

SPOT_DEVICE inline float to_float(float value) {
  return value;
}
SPOT_DEVICE inline float to_float(Bfloat16 value) {
  const std::uint32_t bits = std::uint32_t{value.bits} << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

SPOT_DEVICE inline void set(float& place, float value) {
  place = value;
}
/// Rounded to the nearest, ties to even; a NaN stays one.
SPOT_DEVICE inline void set(Bfloat16& place, float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const bool is_nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
  bits = is_nan ? bits | 0x400000U : bits + 0x7FFFU + (bits >> 16 & 1U);
  place.bits = static_cast<std::uint16_t>(bits >> 16);
}

}  // namespace spot::cuda
