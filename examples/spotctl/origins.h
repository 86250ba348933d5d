#pragma once

#include <string>

#include "config_file.h"

namespace spotctl {

/// Keeps where the value of a key came from, for messages about it; a later setting of the key replaces it.
void remember_origin(const Setting& setting);

/// The message, and behind it where each value that it quotes was set, unless it says so already or that was a flag.
std::string with_origins(const std::string& message);

}  // namespace spotctl
