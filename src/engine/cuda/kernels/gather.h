#pragma once

#include <cstdint>

#include "engine/cuda/kernels/bfloat16.h"
#include "engine/cuda/kernels/step_table.h"

namespace spot::cuda {

/// The step's images out of their set: bytes / 255 or floats as they are, channels filled up with zeros to `pitch`,
/// each moved as the step says; zeros for the samples that a smaller batch lacks. A thread computes one value.
template <typename T>
struct Gather {
  StepTable table;
  std::uint32_t channels, rows, columns, pitch;
  T* values;

  [[nodiscard]] std::uint64_t threads() const { return std::uint64_t{table.batch_size} * rows * columns * pitch; }

  SPOT_DEVICE void operator()(std::uint64_t thread) const {
    const auto i = static_cast<std::uint32_t>(thread);
    const std::uint32_t channel = i % pitch, place = i / pitch;
    const std::uint32_t x = place % columns, y = place / columns % rows, sample = place / columns / rows;
    const StepInputs& inputs = table.inputs();
    float value = 0;
    if (channel < channels && sample < inputs.samples) {
      const Plane plane = {inputs, std::uint64_t{table.index(sample)} * rows * columns * channels + channel};
      value = inputs.moves_images != 0 ? moved(plane, table.move(sample), y, x) : pixel(plane, y, x);
      if (inputs.are_floats == 0) value /= 255.0F;
    }
    set(values[thread], value);
  }

 private:
  /// One channel of an image.
  struct Plane {
    const StepInputs& inputs;
    std::uint64_t first;  ///< its first value in the set
  };

  SPOT_DEVICE float pixel(const Plane& plane, std::uint32_t row, std::uint32_t column) const {
    const std::uint64_t at = plane.first + std::uint64_t{row * columns + column} * channels;
    return plane.inputs.are_floats != 0 ? reinterpret_cast<const float*>(plane.inputs.images)[at]
                                        : static_cast<float>(plane.inputs.images[at]);
  }

  /// The plane between zeros, the first of them at row and column 0.
  SPOT_DEVICE float framed(const Plane& plane, std::uint32_t row, std::uint32_t column) const {
    const bool inside = row >= 1 && row <= rows && column >= 1 && column <= columns;
    return inside ? pixel(plane, row - 1, column - 1) : 0.0F;
  }

  static SPOT_DEVICE float clamp(float value, float largest) {
    return value < 0.0F ? 0.0F : value > largest ? largest : value;
  }

  /// ImageMover::move() for one pixel, operation by operation, but for the division.
  SPOT_DEVICE float moved(const Plane& plane, const ImageMove& move, std::uint32_t y, std::uint32_t x) const {
    const float middle_y = static_cast<float>(rows - 1) / 2, middle_x = static_cast<float>(columns - 1) / 2;
    const float dy = static_cast<float>(y) - middle_y - move.down;
    const float dx = -middle_x + static_cast<float>(x) - move.right;
    const float source_y = clamp(move.cosine * dy - move.sine * dx + (middle_y + 1), static_cast<float>(rows + 1));
    const float source_x = clamp(move.sine * dy + move.cosine * dx + (middle_x + 1), static_cast<float>(columns + 1));
    const auto top = static_cast<std::uint32_t>(source_y), left = static_cast<std::uint32_t>(source_x);
    const float down = source_y - static_cast<float>(top), right = source_x - static_cast<float>(left);
    const float above = (1 - right) * framed(plane, top, left) + right * framed(plane, top, left + 1);
    const float below = (1 - right) * framed(plane, top + 1, left) + right * framed(plane, top + 1, left + 1);
    return (1 - down) * above + down * below;
  }
};

}  // namespace spot::cuda
