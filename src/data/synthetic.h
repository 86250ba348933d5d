#pragma once

#include <cstdint>
#include <vector>

#include "base/cancel.h"

namespace spot {

constexpr std::uint32_t kSyntheticSize = 28;  ///< rows and columns

/// Grey digits drawn by program. images: [count][28][28], labels: [count], each digit equally often.
struct SyntheticDigits {
  std::vector<std::uint8_t> images;
  std::vector<std::uint8_t> labels;
};

/// Digits first … first + count - 1 of the endless sequence that the seed stands for. Every digit is the
/// strokes of its figure, moved, turned, sheared, stretched, with jittered joints, drawn in a random thickness
/// and brightness over faint noise. Only +, -, *, /, sqrt, floor and ceil of IEEE floats are used: the same bytes
/// everywhere. Throws kCancelled when `stop` said so.
SyntheticDigits draw_synthetic_digits(std::uint64_t seed, std::uint32_t first, std::uint32_t count,
                                      const StopCheck& stop = {});

}  // namespace spot
