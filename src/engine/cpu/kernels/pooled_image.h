#pragma once

#include <cstdint>

#include "engine/cpu/kernels/image_convolution.h"
#include "engine/cpu/kernels/window_shape.h"

namespace spot::kernels {

/// An image_convolution(), ReLU and max-pooling over windows of 2 x 2 in one. The output and the winners are blocked,
/// [output channel / block][window][block].
struct PooledImageShape {
  ImageShape convolution;  ///< its relu is not read

  [[nodiscard]] std::size_t windows_down() const { return convolution.output_rows() / 2; }
  [[nodiscard]] std::size_t windows_across() const { return convolution.output_columns() / 2; }
  [[nodiscard]] std::size_t windows() const { return windows_down() * windows_across(); }
};

/// background[window] = 1 where the receptive field of the window is all zero, else 0.
void mark_background_windows(const PooledImageShape& shape, const float* image, std::uint8_t* background);

/// output = max(0, the maximum over each window of bias + weights * image); winners (null: not wanted) says which cell
/// that was (window_shape.h). weights: [channel, row, column][output channel].
void pooled_image(const PooledImageShape& shape, const float* image, const std::uint8_t* background,
                  const float* weights, const float* bias, float* output, std::uint8_t* winners);

/// Adds one image's share to gradient, [channel, row, column][output channel], and bias_gradient.
void pooled_image_gradient(const PooledImageShape& shape, const float* image, const std::uint8_t* background,
                           const float* differences, const std::uint8_t* winners, float* gradient,
                           float* bias_gradient);

}  // namespace spot::kernels
