#pragma once

#include <cstddef>
#include <cstdint>

#include "base/philox.h"

namespace spot::kernels {

/// Room for the bits of `elements` elements: whole vectors of blocks, and what apply_dropout() reads behind them.
constexpr std::size_t dropout_bytes(std::size_t elements) {
  return elements / 8 + 48;
}

/// Bit k tells whether word k of the Philox blocks from `first_block` on is at least the threshold, for `blocks`
/// blocks of four words: block b has the counter `counter` with b in its low 48 bits.
void draw_dropout(std::uint64_t seed, const Philox::Block& counter, std::uint64_t first_block, std::size_t blocks,
                  std::uint32_t threshold, std::uint8_t* bits);

/// How an operator's edge holds one sample: [channel / block][pixel][block]. Vectors have one pixel.
struct DropoutLayout {
  std::size_t channels = 0, pixels = 0, block = 0;
};

/// Multiplies each element by `scale` where its bit is set, else by zero. The bits count channels last, from bit
/// `first` on.
void apply_dropout(const DropoutLayout& layout, const std::uint8_t* bits, std::size_t first, float scale,
                   float* values);

}  // namespace spot::kernels
