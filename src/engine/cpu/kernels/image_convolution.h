#pragma once

#include <cstddef>
#include <cstdint>

namespace spot::kernels {

/// A convolution with a square kernel and equal strides over a plain image, [channel][row][column], that has its
/// padding around it already. The output is blocked, [output channel / block][row][column][block].
struct ImageShape {
  std::size_t channels = 0;
  std::size_t rows = 0;     ///< of the padded image
  std::size_t columns = 0;  ///< likewise
  std::size_t kernel = 0;
  std::size_t stride = 1;
  std::size_t block = 0;
  std::size_t output_channels = 0;  ///< in whole blocks
  bool relu = false;

  [[nodiscard]] std::size_t output_rows() const { return (rows - kernel) / stride + 1; }
  [[nodiscard]] std::size_t output_columns() const { return (columns - kernel) / stride + 1; }
  [[nodiscard]] std::size_t output_pixels() const { return output_rows() * output_columns(); }
  [[nodiscard]] std::size_t taps() const { return channels * kernel * kernel; }
};

/// Kernel sizes that have code for the gradient: its taps are unrolled.
constexpr bool has_image_kernel(std::size_t kernel) {
  return kernel == 3 || kernel == 5;
}
/// Likewise for the pass forward.
constexpr bool has_image_stride(std::size_t stride) {
  return stride == 1 || stride == 2;
}

/// background[pixel] = 1 where the receptive field of the output's pixel is all zero, else 0.
void mark_background(const ImageShape& shape, const float* image, std::uint8_t* background);

/// output = bias + weights * image, clamped at 0 when shape.relu. weights: [channel, row, column][output channel].
void image_convolution(const ImageShape& shape, const float* image, const std::uint8_t* background,
                       const float* weights, const float* bias, float* output);

/// Adds one image's share to gradient, [channel, row, column][output channel], and bias_gradient. Differences where
/// the output is not positive do not count when shape.relu.
void image_convolution_gradient(const ImageShape& shape, const float* image, const std::uint8_t* background,
                                const float* output, const float* differences, float* gradient, float* bias_gradient);

}  // namespace spot::kernels
