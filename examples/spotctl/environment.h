#pragma once

#include <vector>

#include "config_file.h"

namespace spotctl {

/// The settings of the environment's SPOT_<KEY> variables, without white space around values; an empty one is none.
std::vector<Setting> environment_settings();

/// Warns, once a process, of each SPOT_... variable that is no key's but was probably meant for one.
void warn_of_misspelt_variables();

}  // namespace spotctl
