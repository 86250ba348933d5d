#pragma once

#include <cstdint>

#include "base/pixel_type.h"

namespace spot {

/// Of an 'image_type'. Throws kInvalidArgument for a number that is neither SPOT_TYPE_UINT8 nor SPOT_TYPE_FLOAT32.
PixelType pixel_type(std::int32_t number);

}  // namespace spot
