#pragma once

#include <cstdint>
#include <cstring>
#include <variant>

#include "engine/cuda/kernels/host_device.h"

namespace spot::cuda {

/// Where filters lie among grown ones, see SymmetricConvolution; all in elements, a row being all its channels.
struct FilterWindow {
  std::uint64_t filters, rows, row;
  std::uint64_t grown_rows, grown_row;
  std::uint64_t offset;  ///< of a filter's first element in its grown one

  [[nodiscard]] SPOT_DEVICE std::uint64_t size() const { return filters * rows * row; }
  [[nodiscard]] SPOT_DEVICE std::uint64_t grown_size() const { return filters * grown_rows * grown_row; }
  /// Where element i of the filters is in the grown ones.
  [[nodiscard]] SPOT_DEVICE std::uint64_t grown(std::uint64_t i) const {
    const std::uint64_t filter = i / (rows * row);
    return (filter * grown_rows + i / row % rows) * grown_row + i % row + offset;
  }
};

/// The filters into the grown ones, whose other elements stay as they are.
template <typename Value>
struct Grow {
  FilterWindow window;
  const Value* filters;
  Value* grown;

  [[nodiscard]] std::uint64_t threads() const { return window.size(); }
  SPOT_DEVICE void operator()(std::uint64_t i) const { grown[window.grown(i)] = filters[i]; }
};

/// The filters out of the grown ones.
struct Crop {
  FilterWindow window;
  const float* grown;
  float* filters;

  [[nodiscard]] std::uint64_t threads() const { return window.size(); }
  SPOT_DEVICE void operator()(std::uint64_t i) const { filters[i] = grown[window.grown(i)]; }
};

/// bfloat16, which is the upper half of a float, as float.
struct Widen {
  const std::uint16_t* from;
  float* to;
  std::uint64_t size;

  [[nodiscard]] std::uint64_t threads() const { return size; }
  SPOT_DEVICE void operator()(std::uint64_t i) const {
    const std::uint32_t bits = std::uint32_t{from[i]} << 16;
    memcpy(&to[i], &bits, sizeof bits);
  }
};

/// What the card does itself around cuDNN's convolutions; kernels like those of the engine, see kernel.h.
using FilterKernel = std::variant<Crop, Grow<float>, Grow<std::uint16_t>, Widen>;

}  // namespace spot::cuda
