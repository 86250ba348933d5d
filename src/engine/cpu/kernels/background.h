#pragma once

#include <cstddef>
#include <cstdint>

namespace spot::kernels {

/// Square windows over a plain image, [channel][row][column].
struct ImageWindows {
  std::size_t channels = 0;
  std::size_t rows = 0;     ///< of the image
  std::size_t columns = 0;  ///< likewise
  std::size_t field = 0;    ///< rows, and columns, of a window
  std::size_t stride = 1;   ///< from one to the next
  std::size_t down = 0;     ///< windows
  std::size_t across = 0;   ///< likewise
};

/// background[window] = 1 where all of the window is zero, in every channel, else 0.
void mark_empty_windows(const ImageWindows& windows, const float* image, std::uint8_t* background);

}  // namespace spot::kernels
