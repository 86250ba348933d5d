// Backward through ReLU, and max-pool, without a dense image of differences. A pool's window hands its difference to
// the cell that won, or to none: that leaves at most a quarter of the convolution's outputs, in practice a tenth; ReLU
// alone leaves about half. Both gradients of the convolution are sums over exactly these. Windows are listed twice: as
// bit sets of output channels for the gradient of the input, which goes window by window, and as entries by output
// channel for that of the weights.

#include "engine/cpu/kernels/sparse_difference.h"

#include <algorithm>
#include <bit>

#include "engine/cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/sparse_difference.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "engine/cpu/kernels/mask_bits-inl.h"

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;

/// One vector of output channels of a pool's window.
HWY_INLINE void list_pooled(const float* differences, const std::uint8_t* winners, float* values, std::uint64_t* sets,
                            std::size_t shift, float* bias_gradient) {
  const Tag d;
  const hn::RebindToSigned<Tag> di;
  const hn::Rebind<std::uint8_t, Tag> du8;
  const auto difference = hn::LoadU(d, differences);
  const auto winner = hn::PromoteTo(di, hn::LoadU(du8, winners));
  const auto arrives =
      hn::And(hn::RebindMask(di, hn::Ne(difference, hn::Zero(d))), hn::Ne(winner, hn::Set(di, kNoWinner)));
  const auto value = hn::IfThenElseZero(hn::RebindMask(d, arrives), difference);
  hn::StoreU(value, d, values);
  hn::StoreU(hn::Add(hn::LoadU(d, bias_gradient), value), d, bias_gradient);
  for (int cell = 0; cell < 4; ++cell) {
    sets[cell] |= bits_of(di, hn::And(arrives, hn::Eq(winner, hn::Set(di, cell)))) << shift;
  }
}

/// One vector of output channels of one output; returns its set.
HWY_INLINE std::uint64_t list_output(const float* differences, const float* outputs, float* values,
                                     float* bias_gradient) {
  const Tag d;
  const auto zero = hn::Zero(d);
  const auto difference = hn::LoadU(d, differences);
  const auto arrives = hn::And(hn::Ne(difference, zero), hn::Gt(hn::LoadU(d, outputs), zero));
  const auto value = hn::IfThenElseZero(arrives, difference);
  hn::StoreU(value, d, values);
  hn::StoreU(hn::Add(hn::LoadU(d, bias_gradient), value), d, bias_gradient);
  return bits_of(d, arrives);
}

/// Values and bit sets of one window.
HWY_INLINE void list_window(const WindowShape& shape, const OutputDifference& output, std::size_t window,
                            const SparseDifference& list, float* bias_gradient) {
  const std::size_t plane = shape.outputs() * shape.block, groups = channel_groups(shape);
  float* values = list.values + window * shape.results() * shape.output_channels;
  std::uint64_t* sets = list.winners + window * groups * 4;
  std::fill_n(sets, 4 * groups, std::uint64_t{0});
  for (std::size_t cell = 0; cell < shape.results(); ++cell, values += shape.output_channels) {
    if (!shape.has(window, cell)) continue;
    for (std::size_t channel = 0; channel < shape.output_channels; channel += hn::Lanes(Tag())) {
      const std::size_t at = channel / shape.block * plane + shape.output(window, cell) + channel % shape.block;
      std::uint64_t* group = sets + channel / 64 * 4;
      if (shape.pools) {
        list_pooled(output.differences + at, output.winners + at, values + channel, group, channel % 64,
                    bias_gradient + channel);
      } else {
        group[cell] |=
            list_output(output.differences + at, output.outputs + at, values + channel, bias_gradient + channel)
            << channel % 64;
      }
    }
  }
}

/// Adds the differences of the background's windows to those of the first of them, `list` being made but for its
/// entries, and removes them where they were.
void gather_background(const WindowShape& shape, const std::uint8_t* background, const SparseDifference& list) {
  const Tag d;
  const std::uint8_t* end = background + shape.windows();
  const auto first = static_cast<std::size_t>(std::find(background, end, 1) - background);
  const std::size_t sets = 4 * channel_groups(shape), size = shape.results() * shape.output_channels;
  for (std::size_t window = first + 1; window < shape.windows(); ++window) {
    if (background[window] == 0) continue;
    float* sums = list.values + first * size;
    const float* values = list.values + window * size;
    for (std::size_t i = 0; i < size; i += hn::Lanes(d)) {
      hn::StoreU(hn::Add(hn::LoadU(d, sums + i), hn::LoadU(d, values + i)), d, sums + i);
    }
    // What arrives where is the same in all of them; a difference may have been zero in the first.
    for (std::size_t set = 0; set < sets; ++set) {
      list.winners[first * sets + set] |= list.winners[window * sets + set];
      list.winners[window * sets + set] = 0;
    }
  }
}

/// Entries by output channel, from the bit sets.
void list_entries(const WindowShape& shape, const SparseDifference& list) {
  const std::size_t groups = channel_groups(shape), room = entries_of_band(shape);
  const std::size_t band_windows = band_rows(shape) * shape.windows_across;
  std::fill_n(list.counts, bands(shape) * shape.output_channels, 0U);
  for (std::size_t window = 0; window < shape.windows(); ++window) {
    const float* values = list.values + window * shape.results() * shape.output_channels;
    const std::uint64_t* sets = list.winners + window * groups * 4;
    const std::size_t band = window / band_windows;
    std::uint32_t* counts = list.counts + band * shape.output_channels;
    SparseEntry* entries = list.entries + band * shape.output_channels * room;
    const std::size_t y = 2 * (window / shape.windows_across), x = 2 * (window % shape.windows_across);
    for (std::size_t set = 0; set < 4 * groups; ++set) {
      const std::size_t cell = set % 4;
      const float* result = values + (shape.pools ? 0 : cell) * shape.output_channels;
      const auto pixel = static_cast<std::uint32_t>(shape.pixel(y + cell / 2, x + cell % 2));
      for (std::uint64_t bits = sets[set]; bits != 0; bits &= bits - 1) {
        const std::size_t channel = set / 4 * 64 + static_cast<std::size_t>(std::countr_zero(bits));
        entries[channel * room + counts[channel]++] = {result[channel], pixel};
      }
    }
  }
}

void list_differences_here(const WindowShape& shape, const OutputDifference& output, const std::uint8_t* background,
                           const SparseDifference& list, float* bias_gradient) {
  for (std::size_t window = 0; window < shape.windows(); ++window) {
    list_window(shape, output, window, list, bias_gradient);
  }
  if (background != nullptr) gather_background(shape, background, list);
  list_entries(shape, list);
}

}  // namespace spot::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace spot::kernels {

HWY_EXPORT(list_differences_here);

std::size_t band_rows(const WindowShape& shape) {
  constexpr std::size_t kFloats = 6144;  // 24 KiB
  const std::size_t row = shape.columns * shape.block;
  const std::size_t field_rows = kFloats / row;
  const std::size_t rows = field_rows > shape.kernel + 1 ? (field_rows - shape.kernel + 1) / 2 : 1;
  return std::min(rows, shape.windows_down);
}

void list_differences(const WindowShape& shape, const OutputDifference& output, const std::uint8_t* background,
                      const SparseDifference& list, float* bias_gradient) {
  HWY_DYNAMIC_DISPATCH(list_differences_here)(shape, output, background, list, bias_gradient);
}

}  // namespace spot::kernels
#endif
