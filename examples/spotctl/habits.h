#pragma once

#include <string>

#include "library.h"

namespace spotctl {

/// What spotctl takes for a key that the library has no default for, and that nobody set: the volume ./spot-volume, the
/// dataset auto; empty for every other key.
std::string habit_of(const std::string& key);

/// Sets those keys, and code_version to the git commit of the working folder, where nothing is set.
void follow_habits(const Config& config);

/// Makes the volume that nobody chose, for a command that writes to it. Any other one must be there.
void make_habitual_volume(const Config& config);

}  // namespace spotctl
