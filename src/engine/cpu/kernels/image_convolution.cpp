// The first convolution of a network, whose image has too few channels to fill a vector with: output channels lie
// in the lanes, and a pixel of the image is a scalar that multiplies them. Much of an image of a digit is
// background, zero wherever the kernel looks: there an output is its bias, and only the bias has a gradient. Sums
// run over tap (forward) or image and pixel (gradient), in ascending order.

#include "engine/cpu/kernels/image_convolution.h"

#include <algorithm>
#include <utility>

#include "engine/cpu/kernels/background.h"
#include "engine/cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/image_convolution.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Tag>;

/// Output pixels of a row that are computed together.
constexpr std::size_t kTogether = 8;

template <std::size_t stride, std::size_t... i>
HWY_INLINE void add_tap(Vector (&sums)[sizeof...(i)], Vector weight, const float* pixels,
                        std::index_sequence<i...> /*pixels*/) {
  ((sums[i] = hn::MulAdd(hn::Set(Tag(), pixels[i * stride]), weight, sums[i])), ...);
}

template <std::size_t... i>
HWY_INLINE void store_pixels(const Vector (&sums)[sizeof...(i)], bool relu, std::size_t block, float* output,
                             std::index_sequence<i...> /*pixels*/) {
  if (relu) {
    (hn::StoreU(hn::IfThenElseZero(hn::Gt(sums[i], hn::Zero(Tag())), sums[i]), Tag(), output + i * block), ...);
  } else {
    (hn::StoreU(sums[i], Tag(), output + i * block), ...);
  }
}

/// `count` pixels of one row and one vector of output channels. `image` is their first pixel under the first tap.
template <std::size_t count, std::size_t stride>
HWY_INLINE void compute_pixels(const ImageShape& shape, const float* image, bool background, const float* weights,
                               const float* bias, float* output) {
  constexpr auto kPixels = std::make_index_sequence<count>();
  Vector sums[count];
  for (Vector& sum : sums) sum = hn::LoadU(Tag(), bias);
  if (!background) {
    for (std::size_t channel = 0; channel < shape.channels; ++channel) {
      for (std::size_t row = 0; row < shape.kernel; ++row) {
        const float* pixels = image + (channel * shape.rows + row) * shape.columns;
        for (std::size_t column = 0; column < shape.kernel; ++column) {
          add_tap<stride>(sums, hn::LoadU(Tag(), weights), pixels + column, kPixels);
          weights += shape.output_channels;
        }
      }
    }
  }
  store_pixels(sums, shape.relu, shape.block, output, kPixels);
}

template <std::size_t stride>
void convolve(const ImageShape& shape, const float* image, const std::uint8_t* background, const float* weights,
              const float* bias, float* output) {
  const std::size_t across = shape.output_columns();
  for (std::size_t channel = 0; channel < shape.output_channels; channel += hn::Lanes(Tag())) {
    float* plane = output + channel / shape.block * shape.output_pixels() * shape.block + channel % shape.block;
    for (std::size_t y = 0; y < shape.output_rows(); ++y) {
      for (std::size_t x = 0; x < across;) {
        // The last pixels of a row are computed with their neighbours once more: alone they would take longer.
        if (across >= kTogether) x = std::min(x, across - kTogether);
        const std::size_t at = y * across + x;
        const std::size_t count = across >= kTogether ? kTogether : 1;
        const bool empty = std::find(background + at, background + at + count, 0) == background + at + count;
        const float* pixels = image + (y * shape.columns + x) * stride;
        if (count == kTogether) {
          compute_pixels<kTogether, stride>(shape, pixels, empty, weights + channel, bias + channel,
                                            plane + at * shape.block);
        } else {
          compute_pixels<1, stride>(shape, pixels, empty, weights + channel, bias + channel, plane + at * shape.block);
        }
        x += count;
      }
    }
  }
}

void image_convolution_here(const ImageShape& shape, const float* image, const std::uint8_t* background,
                            const float* weights, const float* bias, float* output) {
  if (shape.stride == 1) return convolve<1>(shape, image, background, weights, bias, output);
  convolve<2>(shape, image, background, weights, bias, output);
}

template <std::size_t kernel, std::size_t... tap>
HWY_INLINE void add_pixel(Vector (&sums)[kernel * kernel], Vector difference, const float* pixel, std::size_t row,
                          std::index_sequence<tap...> /*taps*/) {
  ((sums[tap] = hn::MulAdd(hn::Set(Tag(), pixel[tap / kernel * row + tap % kernel]), difference, sums[tap])), ...);
}

template <std::size_t kernel, std::size_t... tap>
HWY_INLINE void load_taps(Vector (&sums)[kernel * kernel], const float* gradient, std::size_t channels,
                          std::index_sequence<tap...> /*taps*/) {
  ((sums[tap] = hn::LoadU(Tag(), gradient + tap * channels)), ...);
}

template <std::size_t kernel, std::size_t... tap>
HWY_INLINE void store_taps(const Vector (&sums)[kernel * kernel], float* gradient, std::size_t channels,
                           std::index_sequence<tap...> /*taps*/) {
  (hn::StoreU(sums[tap], Tag(), gradient + tap * channels), ...);
}

/// One channel of the image and one vector of output channels; `output` and `differences` are the vector's place in
/// the first pixel, `bias_gradient` null for all channels but one.
template <std::size_t kernel>
void add_gradient(const ImageShape& shape, const float* image, const std::uint8_t* background, const float* output,
                  const float* differences, float* gradient, float* bias_gradient) {
  constexpr auto kTaps = std::make_index_sequence<kernel * kernel>();
  const Tag d;
  Vector sums[kernel * kernel];
  load_taps<kernel>(sums, gradient, shape.output_channels, kTaps);
  Vector bias = bias_gradient == nullptr ? hn::Zero(d) : hn::LoadU(d, bias_gradient);
  for (std::size_t y = 0; y < shape.output_rows(); ++y) {
    for (std::size_t x = 0; x < shape.output_columns(); ++x) {
      const std::size_t at = y * shape.output_columns() + x;
      auto difference = hn::LoadU(d, differences + at * shape.block);
      if (shape.relu) {
        const auto value = hn::LoadU(d, output + at * shape.block);
        difference = hn::IfThenElseZero(hn::Gt(value, hn::Zero(d)), difference);
      }
      bias = hn::Add(bias, difference);
      if (background[at] != 0) continue;
      add_pixel<kernel>(sums, difference, image + (y * shape.columns + x) * shape.stride, shape.columns, kTaps);
    }
  }
  store_taps<kernel>(sums, gradient, shape.output_channels, kTaps);
  if (bias_gradient != nullptr) hn::StoreU(bias, d, bias_gradient);
}

void image_convolution_gradient_here(const ImageShape& shape, const float* image, const std::uint8_t* background,
                                     const float* output, const float* differences, float* gradient,
                                     float* bias_gradient) {
  for (std::size_t o = 0; o < shape.output_channels; o += hn::Lanes(Tag())) {
    const std::size_t place = o / shape.block * shape.output_pixels() * shape.block + o % shape.block;
    for (std::size_t channel = 0; channel < shape.channels; ++channel) {
      const float* plane = image + channel * shape.rows * shape.columns;
      float* taps = gradient + channel * shape.kernel * shape.kernel * shape.output_channels + o;
      float* bias = channel == 0 ? bias_gradient + o : nullptr;
      if (shape.kernel == 3) {
        add_gradient<3>(shape, plane, background, output + place, differences + place, taps, bias);
      } else {
        add_gradient<5>(shape, plane, background, output + place, differences + place, taps, bias);
      }
    }
  }
}

}  // namespace spot::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace spot::kernels {

HWY_EXPORT(image_convolution_here);
HWY_EXPORT(image_convolution_gradient_here);

void mark_background(const ImageShape& shape, const float* image, std::uint8_t* background) {
  mark_empty_windows({.channels = shape.channels,
                      .rows = shape.rows,
                      .columns = shape.columns,
                      .field = shape.kernel,
                      .stride = shape.stride,
                      .down = shape.output_rows(),
                      .across = shape.output_columns()},
                     image, background);
}

void image_convolution(const ImageShape& shape, const float* image, const std::uint8_t* background,
                       const float* weights, const float* bias, float* output) {
  HWY_DYNAMIC_DISPATCH(image_convolution_here)(shape, image, background, weights, bias, output);
}

void image_convolution_gradient(const ImageShape& shape, const float* image, const std::uint8_t* background,
                                const float* output, const float* differences, float* gradient, float* bias_gradient) {
  HWY_DYNAMIC_DISPATCH(image_convolution_gradient_here)
  (shape, image, background, output, differences, gradient, bias_gradient);
}

}  // namespace spot::kernels
#endif
