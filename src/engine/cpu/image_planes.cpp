#include "engine/cpu/image_planes.h"

#include <cstring>

#include "base/simd.h"

namespace spot {
namespace {

// Inlined into each version of a SPOT_SIMD function, to be compiled as that is.
#define SPOT_INLINE [[gnu::always_inline]] inline

SPOT_INLINE float seen(std::uint8_t value) {
  return static_cast<float>(value) / 255.0F;
}

SPOT_INLINE float seen(float value) {
  return value;
}

template <typename Value>
SPOT_INLINE void split(const std::uint8_t* image, std::size_t channels, std::size_t pixels, float* planes) {
  for (std::size_t channel = 0; channel < channels; ++channel) {
    for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
      Value value;  // the image may lie anywhere
      std::memcpy(&value, image + (pixel * channels + channel) * sizeof value, sizeof value);
      planes[channel * pixels + pixel] = seen(value);
    }
  }
}

/// With a count of channels that the compiler knows it takes many pixels at once.
template <typename Value>
SPOT_INLINE void split_any(const std::uint8_t* image, std::size_t channels, std::size_t pixels, float* planes) {
  switch (channels) {
    case 1: return split<Value>(image, 1, pixels, planes);
    case 2: return split<Value>(image, 2, pixels, planes);
    case 3: return split<Value>(image, 3, pixels, planes);
    case 4: return split<Value>(image, 4, pixels, planes);
    default: return split<Value>(image, channels, pixels, planes);
  }
}

SPOT_SIMD void split_bytes(const std::uint8_t* image, std::size_t channels, std::size_t pixels, float* planes) {
  split_any<std::uint8_t>(image, channels, pixels, planes);
}

SPOT_SIMD void split_floats(const std::uint8_t* image, std::size_t channels, std::size_t pixels, float* planes) {
  split_any<float>(image, channels, pixels, planes);
}

}  // namespace

void to_planes(const std::uint8_t* image, PixelType type, std::size_t channels, std::size_t pixels, float* planes) {
  if (type == PixelType::kUint8) {
    split_bytes(image, channels, pixels, planes);
  } else {
    split_floats(image, channels, pixels, planes);
  }
}

}  // namespace spot
