#pragma once

#include <span>
#include <string>

#include "engine/engine.h"

namespace spot {

/// The ways to compute that a choice by `device` has to know of: all, or the CPU alone for who asks for nothing else.
/// The first call for all opens the modules.
std::span<const Backend> backends(const std::string& device);

/// All of them, usable or not.
std::span<const Backend> backends();

}  // namespace spot
