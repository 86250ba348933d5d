#pragma once

#include <cstddef>

namespace spot {

/// sum[i] = parts[i] + parts[stride + i] + … over `count` parts, added from left to right.
void sum_parts(const float* parts, std::size_t stride, int count, std::size_t size, float* sum);

/// Sum of the squares, in double, in an order that depends on `size` alone.
double sum_of_squares(const float* values, std::size_t size);

}  // namespace spot
