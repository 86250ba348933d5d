#pragma once

#include "engine/cpu/kernels/active_list.h"
#include "engine/cpu/kernels/window_shape.h"

namespace spot::kernels {

/// Kernel sizes that have code: the taps are unrolled.
constexpr bool has_window_kernel(std::size_t kernel) {
  return kernel == 1 || kernel == 3 || kernel == 5;
}

/// Output channels whose weights lie side by side: 16 or 32.
std::size_t window_forward_chunk(const WindowShape& shape);

struct WindowForward {
  ActiveList active;  ///< of the padded input; an offset counts kernel * kernel * chunk a channel
  /// [output channel / chunk][input channel][row][column][chunk], and in each chunk one channel more than there
  /// are: the sum over the channels of weight * what the background has there. It takes part in the place of all
  /// channels of a background pixel.
  const float* weights;
  const float* bias;            // [output channel]
  const std::uint8_t* windows;  ///< null, or one byte a window: kUnknownWindow, kBackgroundWindow or kDoneWindow
  float* output;                // blocked, [output channel / block][window, or row and column][block]
  std::uint8_t* winners;        // likewise; null when nothing will flow back, or nothing is pooled
};

/// output = max(0, bias + weights * input), or the maximum of that over each window.
void window_forward(const WindowShape& shape, const WindowForward& pass);

}  // namespace spot::kernels
