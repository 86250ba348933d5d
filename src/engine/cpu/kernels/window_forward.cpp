// Convolution, ReLU and perhaps max-pooling in one pass. For a group of windows side by side and a chunk of output
// channels, the convolution's outputs under the windows stay in registers while the input pixels of their common
// receptive field pass by, row by row, and of each pixel the channels that are not zero (active_list.h), in
// ascending order. A pixel meets a different tap in each output that it reaches; which, is known at compile time,
// for there is one instance of at_pixel() for each pixel of the receptive field. The weights of one chunk lie side by
// side, for the first-level cache's sake. An output's sum runs over pixel and channel whatever the group, the chunk or
// the vector.

#include "engine/cpu/kernels/window_forward.h"

#include <algorithm>
#include <utility>

#include "engine/cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/window_forward.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "engine/cpu/kernels/window_maximum-inl.h"

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Tag>;
constexpr std::size_t kLanes = HWY_MIN(HWY_LANES(float), 16);
/// Vector registers decide how many outputs fit.
constexpr bool kManyRegisters = kLanes == 16 || HWY_ARCH_ARM_A64;

/// Windows side by side, kVectors vectors of output channels each.
template <std::size_t kernel, std::size_t chunk, std::size_t windows, std::size_t vectors>
struct Tile {
  static constexpr std::size_t kKernel = kernel, kChunk = chunk, kWindows = windows, kVectors = vectors;
  static constexpr std::size_t kAcross = 2 * windows;  ///< outputs in a row, of two rows
  static constexpr std::size_t kFieldAcross = kAcross + kernel - 1;
  static constexpr std::size_t kField = (kernel + 1) * kFieldAcross;  ///< pixels of the receptive field
  static constexpr std::size_t kSums = 2 * kAcross * vectors;         // [output row][output column][vector]
};

/// Adds value * weight to sum number `index` when the pixel reaches its output.
template <typename T, std::size_t pixel, std::size_t index>
HWY_INLINE void add_product(Vector (&sums)[T::kSums], Vector value, const float* weights) {
  constexpr std::size_t kOutput = index / T::kVectors;
  constexpr std::size_t kRow = pixel / T::kFieldAcross - kOutput / T::kAcross;     // wraps round when negative
  constexpr std::size_t kColumn = pixel % T::kFieldAcross - kOutput % T::kAcross;  // likewise
  if constexpr (kRow < T::kKernel && kColumn < T::kKernel) {
    constexpr std::size_t kAt = (kRow * T::kKernel + kColumn) * T::kChunk + index % T::kVectors * kLanes;
    sums[index] = hn::MulAdd(value, hn::LoadU(Tag(), weights + kAt), sums[index]);
  }
}

template <typename T, std::size_t pixel, std::size_t... index>
HWY_INLINE void add_products(Vector (&sums)[T::kSums], Vector value, const float* weights,
                             std::index_sequence<index...> /*sums*/) {
  (add_product<T, pixel, index>(sums, value, weights), ...);
}

/// All active channels of one pixel of the receptive field, whose top left pixel is number `origin`.
template <typename T, std::size_t pixel>
HWY_INLINE void at_pixel(Vector (&sums)[T::kSums], const ActiveList& active, std::size_t origin, std::size_t columns,
                         const float* weights) {
  const std::size_t at = origin + pixel / T::kFieldAcross * columns + pixel % T::kFieldAcross;
  const float* values = active.values + at * active.pitch;
  const std::uint32_t* offsets = active.offsets + at * active.pitch;
  const std::uint32_t count = active.counts[at];
  for (std::uint32_t k = 0; k < count; ++k) {
    add_products<T, pixel>(sums, hn::Set(Tag(), values[k]), weights + offsets[k], std::make_index_sequence<T::kSums>());
  }
}

template <typename T, std::size_t... pixel>
HWY_INLINE void at_pixels(Vector (&sums)[T::kSums], const ActiveList& active, std::size_t origin, std::size_t columns,
                          const float* weights, std::index_sequence<pixel...> /*field*/) {
  (at_pixel<T, pixel>(sums, active, origin, columns, weights), ...);
}

HWY_INLINE void store_positive(Vector value, float* output) {
  const auto zero = hn::Zero(Tag());
  hn::StoreU(hn::IfThenElseZero(hn::Gt(value, zero), value), Tag(), output);
}

template <typename T, std::size_t part>
HWY_INLINE void store_window(const WindowShape& shape, const WindowForward& pass, const Vector (&sums)[T::kSums],
                             std::size_t channel, std::size_t window) {
  constexpr std::size_t kWindow = part / T::kVectors, kVector = part % T::kVectors;
  constexpr std::size_t kTop = 2 * kWindow * T::kVectors + kVector;
  constexpr std::size_t kBottom = kTop + T::kAcross * T::kVectors;
  const std::size_t c = channel + kVector * kLanes;
  const std::size_t plane = c / shape.block * shape.outputs() * shape.block + c % shape.block;
  if (shape.pools) {
    const std::size_t at = plane + (window + kWindow) * shape.block;
    return store_maximum(sums[kTop], sums[kTop + T::kVectors], sums[kBottom], sums[kBottom + T::kVectors],
                         pass.output + at, pass.winners == nullptr ? nullptr : pass.winners + at);
  }
  const Vector cells[4] = {sums[kTop], sums[kTop + T::kVectors], sums[kBottom], sums[kBottom + T::kVectors]};
  for (std::size_t cell = 0; cell < 4; ++cell) {
    if (!shape.has(window + kWindow, cell)) continue;
    store_positive(cells[cell], pass.output + plane + shape.output(window + kWindow, cell));
  }
}

template <typename T, std::size_t... part>
HWY_INLINE void store_windows(const WindowShape& shape, const WindowForward& pass, const Vector (&sums)[T::kSums],
                              std::size_t channel, std::size_t window, std::index_sequence<part...> /*parts*/) {
  (store_window<T, part>(shape, pass, sums, channel, window), ...);
}

template <typename T, std::size_t... index>
HWY_INLINE void set_bias(Vector (&sums)[T::kSums], const float* bias, std::index_sequence<index...> /*sums*/) {
  ((sums[index] = hn::LoadU(Tag(), bias + index % T::kVectors * kLanes)), ...);
}

/// T::kWindows windows from number (down, across) on; `channel` is the first output channel.
template <typename T>
void compute(const WindowShape& shape, const WindowForward& pass, std::size_t channel, std::size_t down,
             std::size_t across) {
  Vector sums[T::kSums];
  set_bias<T>(sums, pass.bias + channel, std::make_index_sequence<T::kSums>());
  const float* weights =
      pass.weights + channel / T::kChunk * (shape.input_channels + 1) * shape.taps() * T::kChunk + channel % T::kChunk;
  at_pixels<T>(sums, pass.active, 2 * (down * shape.columns + across), shape.columns, weights,
               std::make_index_sequence<T::kField>());
  store_windows<T>(shape, pass, sums, channel, down * shape.windows_across + across,
                   std::make_index_sequence<T::kWindows * T::kVectors>());
}

/// Copies the results of window `from` to window `to`. Both have all of theirs.
void copy_window(const WindowShape& shape, const WindowForward& pass, std::size_t channel, std::size_t channels,
                 std::size_t from, std::size_t to) {
  const std::size_t plane = shape.outputs() * shape.block;
  const std::size_t width = std::min(shape.block, channels);
  for (std::size_t c = channel; c < channel + channels; c += width) {
    const std::size_t at = c / shape.block * plane + c % shape.block;
    for (std::size_t cell = 0; cell < shape.results(); ++cell) {
      const std::size_t source = at + shape.output(from, cell), target = at + shape.output(to, cell);
      std::copy_n(pass.output + source, width, pass.output + target);
      if (pass.winners != nullptr) std::copy_n(pass.winners + source, width, pass.winners + target);
    }
  }
}

HWY_INLINE bool is(const WindowForward& pass, std::size_t window, std::uint8_t kind) {
  return pass.windows != nullptr && pass.windows[window] == kind;
}

template <std::size_t count>
HWY_INLINE bool is_any(const WindowForward& pass, std::size_t window, std::uint8_t kind) {
  for (std::size_t i = 0; i < count; ++i) {
    if (is(pass, window + i, kind)) return true;
  }
  return false;
}

/// All windows for kVectors vectors of output channels from `channel` on.
template <std::size_t kernel, std::size_t chunk, std::size_t group, std::size_t vectors>
void compute_channels(const WindowShape& shape, const WindowForward& pass, std::size_t channel) {
  constexpr std::size_t kNone = ~std::size_t{0};
  std::size_t background = kNone;  // the first window of that kind
  const std::size_t across = shape.windows_across;
  for (std::size_t window = 0; window < shape.windows();) {
    if (is(pass, window, kDoneWindow)) {
      ++window;
      continue;
    }
    const std::size_t x = window % across;
    const bool whole_group = x + group <= across && !is_any<group>(pass, window, kDoneWindow);
    const std::size_t count = whole_group ? group : 1;
    std::size_t known = 0;
    while (known < count && is(pass, window + known, kBackgroundWindow)) ++known;
    if (known == count && background != kNone) {
      for (std::size_t i = 0; i < count; ++i) {
        copy_window(shape, pass, channel, vectors * kLanes, background, window + i);
      }
    } else if (whole_group) {
      compute<Tile<kernel, chunk, group, vectors>>(shape, pass, channel, window / across, x);
    } else {
      compute<Tile<kernel, chunk, 1, vectors>>(shape, pass, channel, window / across, x);
    }
    if (known != 0 && background == kNone) background = window;
    window += count;
  }
}

template <std::size_t kernel, std::size_t chunk>
void compute_all(const WindowShape& shape, const WindowForward& pass) {
  constexpr std::size_t kWidest = chunk / kLanes;
  constexpr std::size_t kVectors = HWY_MIN(kWidest, 2);
  constexpr std::size_t kGroup = kManyRegisters ? 4 / kVectors : 1;
  for (std::size_t channel = 0; channel < shape.output_channels; channel += kVectors * kLanes) {
    compute_channels<kernel, chunk, kGroup, kVectors>(shape, pass, channel);
  }
}

template <std::size_t chunk>
void compute_chunks(const WindowShape& shape, const WindowForward& pass) {
  switch (shape.kernel) {
    case 1: return compute_all<1, chunk>(shape, pass);
    case 3: return compute_all<3, chunk>(shape, pass);
    default: return compute_all<5, chunk>(shape, pass);
  }
}

void window_forward_here(const WindowShape& shape, const WindowForward& pass) {
  switch (window_forward_chunk(shape)) {
    case 8: return compute_chunks<HWY_MAX(8, kLanes)>(shape, pass);
    case 16: return compute_chunks<16>(shape, pass);
    default: return compute_chunks<32>(shape, pass);
  }
}

}  // namespace spot::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace spot::kernels {

HWY_EXPORT(window_forward_here);

std::size_t window_forward_chunk(const WindowShape& shape) {
  for (const std::size_t chunk : {32U, 16U}) {
    if (shape.output_channels % chunk == 0) return chunk;
  }
  return 8;
}

void window_forward(const WindowShape& shape, const WindowForward& pass) {
  HWY_DYNAMIC_DISPATCH(window_forward_here)(shape, pass);
}

}  // namespace spot::kernels
#endif
