#pragma once

#include <cstddef>
#include <cstdint>

#include "base/pixel_type.h"

namespace spot {

/// planes[channel][pixel] = what the network sees of image[pixel][channel]: a byte divided by 255, a float as it is.
void to_planes(const std::uint8_t* image, PixelType type, std::size_t channels, std::size_t pixels, float* planes);

}  // namespace spot
