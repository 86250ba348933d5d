#pragma once

#include <cstdint>
#include <type_traits>

#include "engine/cuda/kernels/bfloat16.h"

namespace spot::cuda {

/// sums[chunk][column] = the sum over the chunk's rows of values[row][column], from the first to the last: an order
/// that the shape alone determines. Doubles are summed in double, all else in float.
template <typename T>
struct SumRows {
  using Sum = std::conditional_t<std::is_same_v<T, double>, double, float>;

  const T* values;
  std::uint32_t rows, columns;
  std::uint32_t chunk;  ///< rows in one; the last may have fewer
  Sum* sums;

  [[nodiscard]] std::uint32_t chunks() const { return (rows + chunk - 1) / chunk; }
  [[nodiscard]] std::uint64_t threads() const { return std::uint64_t{chunks()} * columns; }

  SPOT_DEVICE void operator()(std::uint64_t thread) const {
    const auto i = static_cast<std::uint32_t>(thread);
    const std::uint32_t column = i % columns, first = i / columns * chunk;
    const std::uint32_t end = rows - first < chunk ? rows : first + chunk;
    Sum sum = 0;
    // All of a group are asked for before the first is needed: it takes long until a value is there.
    for (std::uint32_t row = first; row < end; row += kAhead) {
      Sum group[kAhead];
      for (std::uint32_t k = 0; k < kAhead; ++k) group[k] = row + k < end ? value(row + k, column) : Sum{0};
      for (std::uint32_t k = 0; k < kAhead; ++k) sum += group[k];
    }
    sums[thread] = sum;
  }

 private:
  static constexpr std::uint32_t kAhead = 16;

  [[nodiscard]] SPOT_DEVICE Sum value(std::uint32_t row, std::uint32_t column) const {
    const T& at = values[std::uint64_t{row} * columns + column];
    if constexpr (std::is_same_v<T, double>) {
      return at;
    } else {
      return to_float(at);
    }
  }
};

/// Several sums that do not wait for each other, in one launch.
struct SumRowsOfSeveral {
  static constexpr std::uint32_t kMost = 48;

  SumRows<float> sums[kMost];
  std::uint32_t ends[kMost];  ///< the threads of those up to this one
  std::uint32_t count;

  void add(const SumRows<float>& sum) {
    ends[count] = static_cast<std::uint32_t>(threads() + sum.threads());
    sums[count++] = sum;
  }

  [[nodiscard]] std::uint64_t threads() const { return count == 0 ? 0 : ends[count - 1]; }

  SPOT_DEVICE void operator()(std::uint64_t thread) const {
    std::uint32_t i = 0;
    while (thread >= ends[i]) ++i;
    sums[i](i == 0 ? thread : thread - ends[i - 1]);
  }
};

}  // namespace spot::cuda
