#pragma once

#include <cstddef>
#include <cstdint>

namespace spot::kernels {

/// A convolution of stride 1 with a square kernel, followed by ReLU. It is computed by windows of 2 x 2 outputs, of
/// which max-pooling leaves one if it `pools`; otherwise all are stored, but for those of the last windows that lie
/// behind the image, for which the input is framed as if they did not.
/// Images are blocked: channel c of pixel (y, x) lies at
///     (c / block) * rows * columns * block + (y * columns + x) * block + c % block,
/// channels in whole blocks. The input has its padding around it already.
struct WindowShape {
  std::size_t block = 0;
  std::size_t kernel = 0;           ///< rows, and columns
  std::size_t input_channels = 0;   ///< in whole blocks
  std::size_t rows = 0;             ///< of the padded input
  std::size_t columns = 0;          ///< of the padded input
  std::size_t output_channels = 0;  ///< in whole blocks
  std::size_t windows_down = 0;
  std::size_t windows_across = 0;
  bool pools = true;
  std::size_t output_rows = 0;     ///< where it does not pool
  std::size_t output_columns = 0;  ///< likewise

  [[nodiscard]] std::size_t pixels() const { return rows * columns; }
  [[nodiscard]] std::size_t windows() const { return windows_down * windows_across; }
  [[nodiscard]] std::size_t taps() const { return kernel * kernel; }
  /// Results that a window has in each output channel.
  [[nodiscard]] std::size_t results() const { return pools ? 1 : 4; }
  /// Results of the whole image in one output channel.
  [[nodiscard]] std::size_t outputs() const { return pools ? windows() : output_rows * output_columns; }
  /// Where pixel (y, x) of block 0 begins.
  [[nodiscard]] std::size_t pixel(std::size_t y, std::size_t x) const { return (y * columns + x) * block; }
  /// Whether result number `cell` of a window lies inside the image.
  [[nodiscard]] bool has(std::size_t window, std::size_t cell) const {
    return pools || (2 * (window / windows_across) + cell / 2 < output_rows &&
                     2 * (window % windows_across) + cell % 2 < output_columns);
  }
  /// Where it begins in block 0 of the output.
  [[nodiscard]] std::size_t output(std::size_t window, std::size_t cell) const {
    if (pools) return window * block;
    const std::size_t y = 2 * (window / windows_across) + cell / 2, x = 2 * (window % windows_across) + cell % 2;
    return (y * output_columns + x) * block;
  }
};

/// What a pooling window remembers of its forward pass, by output channel: which of its four cells won (0 to 3,
/// row by row; the first of equals), or that none did because the maximum was not positive.
constexpr std::uint8_t kNoWinner = 4;

/// What the forward pass knows of a window: nothing; that its whole receptive field has the one value that the
/// background has, so that all such windows have one result; or that its result is there already.
constexpr std::uint8_t kUnknownWindow = 0, kBackgroundWindow = 1, kDoneWindow = 2;

}  // namespace spot::kernels
