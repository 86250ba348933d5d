#pragma once

#include <cstdint>

#include "engine/cuda/kernels/bfloat16.h"

namespace spot::cuda {

/// What one thread takes at once of values that lie side by side: it makes one wide access of four.
constexpr std::uint32_t kLanes = 4;

template <typename T>
struct alignas(kLanes * sizeof(T)) Pack {
  T values[kLanes];
};

struct Lanes {
  float values[kLanes];

  SPOT_DEVICE float& operator[](std::uint32_t lane) { return values[lane]; }
  SPOT_DEVICE float operator[](std::uint32_t lane) const { return values[lane]; }
};

/// `from` is aligned to a pack, as everything is whose index is a multiple of kLanes.
template <typename T>
SPOT_DEVICE Lanes load(const T* from) {
  const Pack<T> pack = *reinterpret_cast<const Pack<T>*>(from);
  Lanes lanes;
  for (std::uint32_t i = 0; i < kLanes; ++i) lanes[i] = to_float(pack.values[i]);
  return lanes;
}

template <typename T>
SPOT_DEVICE void store(T* to, const Lanes& lanes) {
  Pack<T> pack;
  for (std::uint32_t i = 0; i < kLanes; ++i) set(pack.values[i], lanes[i]);
  *reinterpret_cast<Pack<T>*>(to) = pack;
}

}  // namespace spot::cuda
