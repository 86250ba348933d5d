#include "engine/augmentation.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/philox.h"
#include "base/simd.h"

namespace spot {
namespace {

struct Frame {
  const float* values;
  std::ptrdiff_t pitch;
  float last_row, last_column;  ///< the first zeros behind the image
  float brightest;              ///< what the network sees as 1
};

/// to[i] = the value at i * step; they may lie at any address.
template <typename Value>
inline void copy_values(const std::uint8_t* from, std::size_t step, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) {
    Value value;
    std::memcpy(&value, from + i * step * sizeof value, sizeof value);
    to[i] = static_cast<float>(value);
  }
}

/// One row of the result, `y` and `x` from the centre of the result, the source's centre at (row, column) of the frame.
SPOT_SIMD void move_row(const Frame& frame, const ImageMove& move, float y, float first_x, float row, float column,
                        std::size_t columns, float* values) {
  const float dy = y - move.down;
  for (std::size_t i = 0; i < columns; ++i) {
    const float dx = first_x + static_cast<float>(i) - move.right;
    // Whatever lies outside meets the zeros around the image.
    const float source_y = std::clamp(move.cosine * dy - move.sine * dx + row, 0.0F, frame.last_row);
    const float source_x = std::clamp(move.sine * dy + move.cosine * dx + column, 0.0F, frame.last_column);
    const int top = static_cast<int>(source_y), left = static_cast<int>(source_x);
    const float down = source_y - static_cast<float>(top), right = source_x - static_cast<float>(left);
    const float* place = frame.values + static_cast<std::ptrdiff_t>(top) * frame.pitch + left;
    const float above = (1 - right) * place[0] + right * place[1];
    const float below = (1 - right) * place[frame.pitch] + right * place[frame.pitch + 1];
    values[i] = ((1 - down) * above + down * below) / frame.brightest;
  }
}

}  // namespace

ImageMove move_of(const AugmentationSpec& augmentation, std::uint64_t seed, std::uint64_t step, std::size_t sample) {
  RandomStream random(seed, RandomPurpose::kAugmentation, static_cast<std::uint32_t>(step),
                      static_cast<std::uint32_t>(sample) | static_cast<std::uint32_t>(step >> 32) << 16);
  const auto shift = [&] {
    const auto places = static_cast<std::uint32_t>(2 * augmentation.shift + 1);
    return static_cast<float>(static_cast<std::int64_t>(random.next_below(places)) - augmentation.shift);
  };
  ImageMove move;
  move.down = shift();
  move.right = shift();
  const double turn = (2 * double{random.next_uniform()} - 1) * augmentation.rotation;
  move.sine = static_cast<float>(std::sin(turn * std::numbers::pi / 180));
  move.cosine = static_cast<float>(std::cos(turn * std::numbers::pi / 180));
  return move;
}

ImageMover::ImageMover(std::size_t channels, std::size_t rows, std::size_t columns)
    : channels_(channels), rows_(rows), columns_(columns), framed_((rows + 3) * (columns + 3)) {}

template <typename Value>
void ImageMover::frame(const std::uint8_t* image, std::size_t channel) {
  for (std::size_t y = 0; y < rows_; ++y) {
    const std::uint8_t* from = image + (y * columns_ * channels_ + channel) * sizeof(Value);
    float* row = framed_.data() + (y + 1) * (columns_ + 3) + 1;
    // The compiler takes many values at once where it knows that they lie side by side.
    if (channels_ == 1) {
      copy_values<Value>(from, 1, columns_, row);
    } else {
      copy_values<Value>(from, channels_, columns_, row);
    }
  }
}

void ImageMover::move(const std::uint8_t* image, PixelType type, const ImageMove& move, float* planes) {
  const bool bytes = type == PixelType::kUint8;
  const Frame source = {framed_.data(), static_cast<std::ptrdiff_t>(columns_ + 3), static_cast<float>(rows_ + 1),
                        static_cast<float>(columns_ + 1), bytes ? 255.0F : 1.0F};
  const float middle_y = static_cast<float>(rows_ - 1) / 2, middle_x = static_cast<float>(columns_ - 1) / 2;
  for (std::size_t channel = 0; channel < channels_; ++channel) {
    if (bytes) {
      frame<std::uint8_t>(image, channel);
    } else {
      frame<float>(image, channel);
    }
    for (std::size_t y = 0; y < rows_; ++y) {
      move_row(source, move, static_cast<float>(y) - middle_y, -middle_x, middle_y + 1, middle_x + 1, columns_,
               planes + (channel * rows_ + y) * columns_);
    }
  }
}

}  // namespace spot
