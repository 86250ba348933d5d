// Dropout's random words (engine/dropout.h) side by side: one Philox block in each 64-bit lane. All that a round
// needs of its counters and products is in the low halves, so that a product's high half is one shift away and
// nothing has to be put together. Of each word only one bit is kept.

#include "engine/cpu/kernels/dropout_bits.h"

#include <algorithm>
#include <cstring>

#include "engine/cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/dropout_bits.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR

void draw_dropout_here(std::uint64_t seed, const Philox::Block& counter, std::uint64_t first_block, std::size_t blocks,
                       std::uint32_t threshold, std::uint8_t* bits) {
  std::memset(bits, 0, (blocks + 1) / 2);
  for (std::size_t i = 0; i < blocks; ++i) {
    const std::uint64_t number = first_block + i;
    const Philox::Block words =
        Philox::block(seed, {static_cast<std::uint32_t>(number), counter[1] | static_cast<std::uint32_t>(number >> 32),
                             counter[2], counter[3]});
    for (std::size_t k = 0; k < 4; ++k) {
      if (words[k] >= threshold) bits[i / 2] = static_cast<std::uint8_t>(bits[i / 2] | 1U << (4 * (i % 2) + k));
    }
  }
}

#else

using Wide = hn::CappedTag<std::uint64_t, 8>;
using Words = hn::Vec<Wide>;

/// The low halves multiplied: a whole 64-bit product.
HWY_INLINE Words multiply_low(Words a, Words b) {
  const hn::RepartitionToNarrow<Wide> narrow;
  return hn::MulEven(hn::BitCast(narrow, a), hn::BitCast(narrow, b));
}

/// Bit 4 i = bit i, for eight bits.
HWY_INLINE std::uint32_t spread(std::uint32_t bits) {
  bits = (bits | bits << 12) & 0x000F000FU;
  bits = (bits | bits << 6) & 0x03030303U;
  return (bits | bits << 3) & 0x11111111U;
}

/// Which lanes' low halves are at least the threshold.
HWY_INLINE std::uint32_t kept(Words words, std::uint32_t threshold) {
  const hn::RebindToSigned<Wide> d;
  const auto low = hn::And(words, hn::Set(Wide(), 0xFFFFFFFFU));
  std::uint8_t bytes[8] = {};
  hn::StoreMaskBits(d, hn::Gt(hn::BitCast(d, low), hn::Set(d, std::int64_t{threshold} - 1)), bytes);
  return bytes[0];
}

void draw_dropout_here(std::uint64_t seed, const Philox::Block& counter, std::uint64_t first_block, std::size_t blocks,
                       std::uint32_t threshold, std::uint8_t* bits) {
  const Wide d;
  const std::size_t lanes = hn::Lanes(d);
  const Words multiplier0 = hn::Set(d, 0xD2511F53U), multiplier2 = hn::Set(d, 0xCD9E8D57U);
  std::memset(bits, 0, (blocks + 1) / 2);
  for (std::size_t i = 0; i < blocks; i += lanes) {
    const Words number = hn::Add(hn::Iota(d, 0), hn::Set(d, first_block + i));
    Words c0 = number, c1 = hn::Or(hn::Set(d, counter[1]), hn::ShiftRight<32>(number));
    Words c2 = hn::Set(d, counter[2]), c3 = hn::Set(d, counter[3]);
    auto k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const Words p0 = multiply_low(multiplier0, c0), p2 = multiply_low(multiplier2, c2);
      c0 = hn::Xor(hn::ShiftRight<32>(p2), hn::Xor(c1, hn::Set(d, k0)));
      c1 = p2;
      c2 = hn::Xor(hn::ShiftRight<32>(p0), hn::Xor(c3, hn::Set(d, k1)));
      c3 = p0;
      k0 += 0x9E3779B9U;
      k1 += 0xBB67AE85U;
    }
    // Two to eight blocks of four bits each; whole vectors are written, for which there is room.
    const std::uint32_t part = spread(kept(c0, threshold)) | spread(kept(c1, threshold)) << 1 |
                               spread(kept(c2, threshold)) << 2 | spread(kept(c3, threshold)) << 3;
    std::memcpy(bits + i / 2, &part, lanes / 2);
  }
}

#endif

using Tag = hn::CappedTag<float, 16>;

/// Bits `first` … of the string, at least 24.
HWY_INLINE std::uint32_t bits_from(const std::uint8_t* bits, std::size_t first) {
  std::uint32_t word;
  std::memcpy(&word, bits + first / 8, sizeof word);
  return word >> first % 8;
}

/// `width` neighbours.
HWY_INLINE void apply_run(const std::uint8_t* bits, std::size_t first, float scale, std::size_t width, float* values) {
  const Tag d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= width; i += lanes) {
    std::uint8_t bytes[8] = {};
    const std::uint32_t part = bits_from(bits, first + i);
    std::memcpy(bytes, &part, sizeof part);
    const auto mask = hn::LoadMaskBits(d, bytes);
    const auto scaled = hn::Mul(hn::LoadU(d, values + i), hn::Set(d, scale));
    hn::StoreU(hn::IfThenElseZero(mask, scaled), d, values + i);
  }
  for (; i < width; ++i) values[i] = (bits_from(bits, first + i) & 1U) != 0 ? values[i] * scale : 0.0F;
}

void apply_dropout_here(const DropoutLayout& layout, const std::uint8_t* bits, std::size_t first, float scale,
                        float* values) {
  if (layout.pixels == 1) return apply_run(bits, first, scale, layout.channels, values);
  for (std::size_t channel = 0; channel < layout.channels; channel += layout.block) {
    const std::size_t width = std::min(layout.block, layout.channels - channel);
    for (std::size_t pixel = 0; pixel < layout.pixels; ++pixel) {
      apply_run(bits, first + pixel * layout.channels + channel, scale, width,
                values + channel * layout.pixels + pixel * layout.block);
    }
  }
}

}  // namespace spot::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace spot::kernels {

HWY_EXPORT(draw_dropout_here);
HWY_EXPORT(apply_dropout_here);

void draw_dropout(std::uint64_t seed, const Philox::Block& counter, std::uint64_t first_block, std::size_t blocks,
                  std::uint32_t threshold, std::uint8_t* bits) {
  HWY_DYNAMIC_DISPATCH(draw_dropout_here)(seed, counter, first_block, blocks, threshold, bits);
}

void apply_dropout(const DropoutLayout& layout, const std::uint8_t* bits, std::size_t first, float scale,
                   float* values) {
  HWY_DYNAMIC_DISPATCH(apply_dropout_here)(layout, bits, first, scale, values);
}

}  // namespace spot::kernels
#endif
