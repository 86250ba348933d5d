#pragma once

#include <cstddef>

namespace spot {

/// FlatBuffers' offsets are signed 32-bit numbers, and its verifier misbehaves beyond.
constexpr std::size_t kMaxPayload = (std::size_t{1} << 31) - 2;

}  // namespace spot
