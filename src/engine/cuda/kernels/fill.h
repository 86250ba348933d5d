#pragma once

#include <cstdint>

#include "engine/cuda/kernels/host_device.h"

namespace spot::cuda {

/// values[0 … size) = value.
struct Fill {
  float* values;
  std::uint64_t size;
  float value;

  [[nodiscard]] std::uint64_t threads() const { return size; }
  SPOT_DEVICE void operator()(std::uint64_t i) const { values[i] = value; }
};

}  // namespace spot::cuda
