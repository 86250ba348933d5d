#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/pixel_type.h"

namespace spot {

/// Random changes of training images that leave their label as it is. None by default.
struct AugmentationSpec {
  std::int64_t shift = 0;  ///< pixels at most, up or down and left or right
  double rotation = 0;     ///< degrees at most, either way, around the image's centre

  [[nodiscard]] bool any() const { return shift != 0 || rotation != 0; }
};

/// What is done to one image: it is turned around its centre, then moved.
struct ImageMove {
  float down = 0, right = 0;  ///< whole pixels
  float sine = 0, cosine = 1;
};

/// The move of sample `sample` (its place in the batch, < 2^16) at a step (< 2^48): the same for every engine and
/// number of threads. From stream (seed, kAugmentation, step mod 2^32, sample + floor(step / 2^32) * 2^16): down and
/// right, uniform in [-shift, shift], then the angle, uniform in [-rotation, rotation].
ImageMove move_of(const AugmentationSpec& augmentation, std::uint64_t seed, std::uint64_t step, std::size_t sample);

/// Moves images of one shape; keeps the memory it needs from one to the next.
class ImageMover {
 public:
  ImageMover(std::size_t channels, std::size_t rows, std::size_t columns);

  /// planes[channel][y][x] = what the network sees of the image, [row][column][channel], at the place that comes to lie
  /// on pixel (y, x): interpolated linearly between the four pixels around that place, 0 outside the image.
  void move(const std::uint8_t* image, PixelType type, const ImageMove& move, float* planes);

 private:
  template <typename Value>
  void frame(const std::uint8_t* image, std::size_t channel);

  std::size_t channels_, rows_, columns_;
  std::vector<float> framed_;  // [rows + 3][columns + 3]: a channel between zeros, one before, two behind
};

}  // namespace spot
