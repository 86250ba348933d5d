#include "engine/cpu/reduction.h"

#include <algorithm>

#include "base/simd.h"

namespace spot {

SPOT_SIMD void sum_parts(const float* parts, std::size_t stride, int count, std::size_t size, float* sum) {
  constexpr std::size_t kTile = 1024;  // stays in the first-level cache while all parts pass by
  for (std::size_t first = 0; first < size; first += kTile) {
    const std::size_t end = std::min(size, first + kTile);
    for (std::size_t i = first; i < end; ++i) sum[i] = parts[i];
    for (int part = 1; part < count; ++part) {
      const float* values = parts + static_cast<std::size_t>(part) * stride;
      for (std::size_t i = first; i < end; ++i) sum[i] += values[i];
    }
  }
}

SPOT_SIMD double sum_of_squares(const float* values, std::size_t size) {
  constexpr std::size_t kLanes = 16;
  double lanes[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const double value = values[i + lane];
      lanes[lane] += value * value;
    }
  }
  for (std::size_t lane = 0; i < size; ++i, ++lane) {
    const double value = values[i];
    lanes[lane] += value * value;
  }
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

}  // namespace spot
