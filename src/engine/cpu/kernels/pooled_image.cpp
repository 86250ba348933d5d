// The first block of many networks: a convolution of an image of few channels, ReLU, max-pooling. As in
// image_convolution.cpp output channels lie in the lanes and a pixel is a scalar; the taps of one vector of them stay
// in registers while the windows pass by (AVX-512; else in the first-level cache), and so do, backward, their
// gradients. A window's receptive field is gone through pixel by pixel, and each pixel meets up to four outputs. Where
// the field is all zero the outputs are their bias, and only the bias has a gradient. Sums run over tap (forward) or
// image, window and cell (gradient), in ascending order.

#include "engine/cpu/kernels/pooled_image.h"

#include <algorithm>
#include <utility>

#include "engine/cpu/kernels/background.h"
#include "engine/cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/pooled_image.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "engine/cpu/kernels/window_maximum-inl.h"

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Tag>;

template <std::size_t kernel>
constexpr std::size_t kTaps = kernel* kernel;
/// Pixels of a window's receptive field.
template <std::size_t kernel>
constexpr std::size_t kField = (kernel + 1) * (kernel + 1);

/// The tap of an output cell that the pixel of the field meets; kTaps when none.
template <std::size_t kernel, std::size_t pixel, std::size_t cell>
constexpr std::size_t tap_at() {
  constexpr std::size_t kRow = pixel / (kernel + 1) - cell / 2;     // wraps round when negative
  constexpr std::size_t kColumn = pixel % (kernel + 1) - cell % 2;  // likewise
  return kRow < kernel && kColumn < kernel ? kRow * kernel + kColumn : kTaps<kernel>;
}

template <std::size_t kernel, std::size_t pixel, std::size_t cell>
HWY_INLINE void add_to_cell(Vector (&cells)[4], Vector value, const Vector (&taps)[kTaps<kernel>]) {
  constexpr std::size_t kTap = tap_at<kernel, pixel, cell>();
  if constexpr (kTap < kTaps<kernel>) cells[cell] = hn::MulAdd(value, taps[kTap], cells[cell]);
}

template <std::size_t kernel, std::size_t pixel, std::size_t cell>
HWY_INLINE void add_to_tap(Vector (&taps)[kTaps<kernel>], Vector value, const Vector (&cells)[4]) {
  constexpr std::size_t kTap = tap_at<kernel, pixel, cell>();
  if constexpr (kTap < kTaps<kernel>) taps[kTap] = hn::MulAdd(value, cells[cell], taps[kTap]);
}

/// Adds the field's products to the four outputs of a window.
template <std::size_t kernel, std::size_t... pixel>
HWY_INLINE void add_field(Vector (&cells)[4], const float* field, std::size_t row, const Vector (&taps)[kTaps<kernel>],
                          std::index_sequence<pixel...> /*field*/) {
  const auto at = [&]<std::size_t p>(std::integral_constant<std::size_t, p> /*pixel*/) {
    const Vector value = hn::Set(Tag(), field[p / (kernel + 1) * row + p % (kernel + 1)]);
    add_to_cell<kernel, p, 0>(cells, value, taps);
    add_to_cell<kernel, p, 1>(cells, value, taps);
    add_to_cell<kernel, p, 2>(cells, value, taps);
    add_to_cell<kernel, p, 3>(cells, value, taps);
  };
  (at(std::integral_constant<std::size_t, pixel>()), ...);
}

/// Adds the products of a window's four differences with its field to the gradients of the taps.
template <std::size_t kernel, std::size_t... pixel>
HWY_INLINE void add_differences(Vector (&taps)[kTaps<kernel>], const float* field, std::size_t row,
                                const Vector (&cells)[4], std::index_sequence<pixel...> /*field*/) {
  const auto at = [&]<std::size_t p>(std::integral_constant<std::size_t, p> /*pixel*/) {
    const Vector value = hn::Set(Tag(), field[p / (kernel + 1) * row + p % (kernel + 1)]);
    add_to_tap<kernel, p, 0>(taps, value, cells);
    add_to_tap<kernel, p, 1>(taps, value, cells);
    add_to_tap<kernel, p, 2>(taps, value, cells);
    add_to_tap<kernel, p, 3>(taps, value, cells);
  };
  (at(std::integral_constant<std::size_t, pixel>()), ...);
}

template <std::size_t... tap>
HWY_INLINE void load_taps(Vector (&taps)[sizeof...(tap)], const float* values, std::size_t channels,
                          std::index_sequence<tap...> /*taps*/) {
  ((taps[tap] = hn::LoadU(Tag(), values + tap * channels)), ...);
}

template <std::size_t... tap>
HWY_INLINE void store_taps(const Vector (&taps)[sizeof...(tap)], float* values, std::size_t channels,
                           std::index_sequence<tap...> /*taps*/) {
  (hn::StoreU(taps[tap], Tag(), values + tap * channels), ...);
}

/// One vector of output channels: `weights`, `bias`, `output` and `winners` are its place.
template <std::size_t kernel>
void compute_windows(const PooledImageShape& shape, const float* image, const std::uint8_t* background,
                     const float* weights, const float* bias, float* output, std::uint8_t* winners) {
  constexpr auto kEachTap = std::make_index_sequence<kTaps<kernel>>();
  constexpr auto kEachPixel = std::make_index_sequence<kField<kernel>>();
  const ImageShape& s = shape.convolution;
  Vector first[kTaps<kernel>];
  load_taps(first, weights, s.output_channels, kEachTap);
  for (std::size_t down = 0, window = 0; down < shape.windows_down(); ++down) {
    for (std::size_t across = 0; across < shape.windows_across(); ++across, ++window) {
      Vector cells[4];
      for (Vector& cell : cells) cell = hn::LoadU(Tag(), bias);
      if (background[window] == 0) {
        const float* field = image + 2 * down * s.columns + 2 * across;
        add_field<kernel>(cells, field, s.columns, first, kEachPixel);
        for (std::size_t channel = 1; channel < s.channels; ++channel) {
          Vector taps[kTaps<kernel>];
          load_taps(taps, weights + channel * kTaps<kernel> * s.output_channels, s.output_channels, kEachTap);
          add_field<kernel>(cells, field + channel * s.rows * s.columns, s.columns, taps, kEachPixel);
        }
      }
      store_maximum(cells[0], cells[1], cells[2], cells[3], output + window * s.block,
                    winners == nullptr ? nullptr : winners + window * s.block);
    }
  }
}

void pooled_image_here(const PooledImageShape& shape, const float* image, const std::uint8_t* background,
                       const float* weights, const float* bias, float* output, std::uint8_t* winners) {
  const ImageShape& s = shape.convolution;
  const auto compute = s.kernel == 3 ? compute_windows<3> : compute_windows<5>;
  for (std::size_t o = 0; o < s.output_channels; o += hn::Lanes(Tag())) {
    const std::size_t place = o / s.block * shape.windows() * s.block + o % s.block;
    compute(shape, image, background, weights + o, bias + o, output + place,
            winners == nullptr ? nullptr : winners + place);
  }
}

/// One channel of the image and one vector of output channels; `bias_gradient` is null for all channels but one.
template <std::size_t kernel>
void add_gradient(const PooledImageShape& shape, const float* image, const std::uint8_t* background,
                  const float* differences, const std::uint8_t* winners, float* gradient, float* bias_gradient) {
  constexpr auto kEachTap = std::make_index_sequence<kTaps<kernel>>();
  constexpr auto kEachPixel = std::make_index_sequence<kField<kernel>>();
  const Tag d;
  const hn::RebindToSigned<Tag> di;
  const hn::Rebind<std::uint8_t, Tag> du8;
  const ImageShape& s = shape.convolution;
  Vector taps[kTaps<kernel>];
  load_taps(taps, gradient, s.output_channels, kEachTap);
  Vector bias = bias_gradient == nullptr ? hn::Zero(d) : hn::LoadU(d, bias_gradient);
  for (std::size_t down = 0, window = 0; down < shape.windows_down(); ++down) {
    for (std::size_t across = 0; across < shape.windows_across(); ++across, ++window) {
      const auto difference = hn::LoadU(d, differences + window * s.block);
      const auto winner = hn::PromoteTo(di, hn::LoadU(du8, winners + window * s.block));
      const auto lost = hn::RebindMask(d, hn::Eq(winner, hn::Set(di, kNoWinner)));
      bias = hn::Add(bias, hn::IfThenZeroElse(lost, difference));
      if (background[window] != 0) continue;
      Vector cells[4];
      for (int cell = 0; cell < 4; ++cell) {
        cells[cell] = hn::IfThenElseZero(hn::RebindMask(d, hn::Eq(winner, hn::Set(di, cell))), difference);
      }
      add_differences<kernel>(taps, image + 2 * down * s.columns + 2 * across, s.columns, cells, kEachPixel);
    }
  }
  store_taps(taps, gradient, s.output_channels, kEachTap);
  if (bias_gradient != nullptr) hn::StoreU(bias, d, bias_gradient);
}

void pooled_image_gradient_here(const PooledImageShape& shape, const float* image, const std::uint8_t* background,
                                const float* differences, const std::uint8_t* winners, float* gradient,
                                float* bias_gradient) {
  const ImageShape& s = shape.convolution;
  const auto add = s.kernel == 3 ? add_gradient<3> : add_gradient<5>;
  for (std::size_t o = 0; o < s.output_channels; o += hn::Lanes(Tag())) {
    const std::size_t place = o / s.block * shape.windows() * s.block + o % s.block;
    for (std::size_t channel = 0; channel < s.channels; ++channel) {
      add(shape, image + channel * s.rows * s.columns, background, differences + place, winners + place,
          gradient + channel * s.kernel * s.kernel * s.output_channels + o, channel == 0 ? bias_gradient + o : nullptr);
    }
  }
}

}  // namespace spot::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace spot::kernels {

HWY_EXPORT(pooled_image_here);
HWY_EXPORT(pooled_image_gradient_here);

void mark_background_windows(const PooledImageShape& shape, const float* image, std::uint8_t* background) {
  const ImageShape& s = shape.convolution;
  mark_empty_windows({.channels = s.channels,
                      .rows = s.rows,
                      .columns = s.columns,
                      .field = s.kernel + 1,
                      .stride = 2,
                      .down = shape.windows_down(),
                      .across = shape.windows_across()},
                     image, background);
}

void pooled_image(const PooledImageShape& shape, const float* image, const std::uint8_t* background,
                  const float* weights, const float* bias, float* output, std::uint8_t* winners) {
  HWY_DYNAMIC_DISPATCH(pooled_image_here)(shape, image, background, weights, bias, output, winners);
}

void pooled_image_gradient(const PooledImageShape& shape, const float* image, const std::uint8_t* background,
                           const float* differences, const std::uint8_t* winners, float* gradient,
                           float* bias_gradient) {
  HWY_DYNAMIC_DISPATCH(pooled_image_gradient_here)
  (shape, image, background, differences, winners, gradient, bias_gradient);
}

}  // namespace spot::kernels
#endif
