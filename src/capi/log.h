#pragma once

#include <cstdint>

#include "base/log.h"

namespace spot {

/// Throws kInvalidArgument for a number that is no SPOT_LOG_...
LogLevel log_level(std::int32_t number);

}  // namespace spot
