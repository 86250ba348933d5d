#pragma once

#include <cmath>
#include <cstdint>

#include "base/philox.h"

namespace spot {

// The masks of dropout, the same for every engine and layout. The elements of one layer's output are numbered
// through the batch in channels-last order: element
//     g = ((sample * height + row) * width + column) * channels + channel
// of the step's batch takes word g % 4 of Philox block g / 4 in the layer's stream. It is dropped when that
// word is below round(rate * 2^32), else multiplied by 1 / (1 - rate).

/// The counter of a Philox block in the stream of layer `layer_index` (its place in ModelSpec::layers) at a
/// step; block < 2^48, layer_index < 2^16, step < 2^56.
constexpr Philox::Block dropout_counter(std::uint32_t layer_index, std::uint64_t step, std::uint64_t block) {
  return {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32) | layer_index << 16,
          static_cast<std::uint32_t>(step),
          static_cast<std::uint32_t>(RandomPurpose::kDropout) | static_cast<std::uint32_t>(step >> 32) << 8};
}

/// Words below it drop their element.
inline std::uint32_t dropout_threshold(double rate) {
  return static_cast<std::uint32_t>(std::llround(rate * 0x1p32));
}

/// What a kept element is multiplied by.
inline float dropout_scale(double rate) {
  return static_cast<float>(1.0 / (1.0 - rate));
}

}  // namespace spot
