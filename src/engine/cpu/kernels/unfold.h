#pragma once

#include <cstddef>

namespace spot::kernels {

/// A plain image, framed by its padding, [channel][rows][columns], and what it is unfolded for.
struct UnfoldShape {
  std::size_t channels = 0;
  std::size_t rows = 0;     ///< of the framed image
  std::size_t columns = 0;  ///< of the framed image
  std::size_t kernel = 0;   ///< rows, and columns
  std::size_t block = 0;    ///< of the unfolded image

  [[nodiscard]] std::size_t output_rows() const { return rows - kernel + 1; }
  [[nodiscard]] std::size_t output_columns() const { return columns - kernel + 1; }
};

/// unfolded[c / block][y][x][c % block] = image[channel][y + row][x + column] for c = (channel * kernel + row) * kernel
/// + column, over all places (y, x) of the kernel: a convolution of the image is one of 1 x 1 of that. Channels behind
/// the last one are left as they are.
void unfold(const UnfoldShape& shape, const float* image, float* unfolded);

}  // namespace spot::kernels
