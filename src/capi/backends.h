#pragma once

#include <span>

#include "engine/engine.h"

namespace spot {

/// Every way to compute that this build knows, usable or not.
std::span<const Backend> backends();

}  // namespace spot
