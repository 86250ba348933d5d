#pragma once

#include <cstdint>

#include "engine/cuda/kernels/lanes.h"
#include "engine/dropout.h"

namespace spot::cuda {

/// The masks of one dropout layer, as engine/dropout.h defines them, drawn where they are needed: they are never
/// stored.
struct DropoutMask {
  std::uint64_t seed = 0;
  std::uint32_t layer = 0;      ///< its place in ModelSpec::layers
  std::uint32_t threshold = 0;  ///< 0: no layer, everything is kept
  float scale = 1;
  std::uint32_t channels = 1, pixels = 1;
  bool flat = false;  ///< behind a flatten: elements are numbered channel by channel

  /// What the values at a pixel's channels [channel, channel + kLanes) are multiplied by.
  SPOT_DEVICE Lanes factors(std::uint64_t step, std::uint32_t sample, std::uint32_t pixel,
                            std::uint32_t channel) const {
    Lanes result;
    std::uint64_t drawn = UINT64_MAX;
    Philox::Block words{};
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      const std::uint64_t in_sample =
          flat ? std::uint64_t{channel + i} * pixels + pixel : std::uint64_t{pixel} * channels + channel + i;
      const std::uint64_t element = std::uint64_t{sample} * channels * pixels + in_sample;
      if (element / 4 != drawn) {
        drawn = element / 4;
        words = Philox::block(seed, dropout_counter(layer, step, drawn));
      }
      result[i] = words[element % 4] < threshold ? 0.0F : scale;
    }
    return result;
  }
};

}  // namespace spot::cuda
