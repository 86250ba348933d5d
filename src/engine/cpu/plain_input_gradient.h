#pragma once

#include <cstddef>

#include "engine/cpu/edge.h"

namespace spot {

/// Weight and bias gradients of a convolution whose input is a plain image, for processors on which oneDNN has
/// only its reference code for them. gradient[o][i][r][c] = sum over samples and pixels of
/// difference[o][y][x] * input[i][y * stride + r - top][x * stride + c - left], by direct loops, one vector of
/// output channels at a time.
class PlainInputGradient {
 public:
  PlainInputGradient() = default;
  explicit PlainInputGradient(const LayerSpec& layer);

  /// `count` samples; writes weight [outputs][inputs][rows][columns] and bias [outputs].
  void run(const Edge& input, const float* values, const Edge& output, const float* differences, std::size_t count,
           float* weight, float* bias) const;

 private:
  std::int64_t kernel_[2] = {};
  std::int64_t stride_[2] = {};
  std::int64_t padding_[2] = {};  ///< top, left
};

}  // namespace spot
