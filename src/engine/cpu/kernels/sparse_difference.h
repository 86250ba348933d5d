#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/cpu/kernels/window_shape.h"

namespace spot::kernels {

/// One product to make: a difference of the loss by a convolution's output, and the input pixel under the
/// kernel's first tap there, as a distance in floats from the first pixel.
struct SparseEntry {
  float difference;
  std::uint32_t pixel;
};

/// The differences that reach a convolution through its ReLU, and pool, by window and by output channel, for one image.
/// With a pool, of the four outputs under a window at most one gets one.
struct SparseDifference {
  float* values = nullptr;           // [window][result][output channel]
  std::uint64_t* winners = nullptr;  // [window][output channel / 64][cell 0 … 3]: one bit a channel
  SparseEntry* entries = nullptr;    // [band][output channel][entries_of_band()], in ascending order
  std::uint32_t* counts = nullptr;   // [band][output channel]
};

/// Rows of windows whose receptive field and one vector of channels leave room in a first-level cache: the
/// gradient of the weights is computed band by band.
std::size_t band_rows(const WindowShape& shape);
inline std::size_t bands(const WindowShape& shape) {
  return (shape.windows_down + band_rows(shape) - 1) / band_rows(shape);
}
inline std::size_t entries_of_band(const WindowShape& shape) {
  return band_rows(shape) * shape.windows_across * shape.results();
}
inline std::size_t channel_groups(const WindowShape& shape) {
  return (shape.output_channels + 63) / 64;
}

/// What an image's lists are made from, blocked as the output is.
struct OutputDifference {
  const float* differences;
  const std::uint8_t* winners;  ///< of a pool
  const float* outputs;         ///< where nothing is pooled: a difference passes where they are positive
};

/// Makes the lists and adds each channel's differences to bias_gradient, window by window. Windows that `background`
/// marks (null: none) have one and the same receptive field, all background: their differences are summed in the first
/// of them, which gives the same gradients, since nothing before this convolution can tell them apart.
void list_differences(const WindowShape& shape, const OutputDifference& output, const std::uint8_t* background,
                      const SparseDifference& list, float* bias_gradient);

}  // namespace spot::kernels
