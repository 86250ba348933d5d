#pragma once

#include <string>
#include <string_view>

#include "base/config.h"

namespace spot {

/// What a 0 in learning_rate, rho or epsilon stands for with that optimizer: its customary value.
double customary_value(std::string_view key, std::string_view optimizer);

/// What the value of a key amounts to beside the others: the customary value where it is 0, nothing where this
/// optimizer, schedule or choice of kernels does not use the key. Where the texts of all keys are equal, results are.
std::string effective_value(const ConfigValues& values, const ConfigKey& key);

}  // namespace spot
