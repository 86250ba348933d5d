#pragma once

#include <string>

#include "finding.h"

namespace spotctl {

/// Whether the folder is there and will outlive the machine, as far as one can see; spot_volume_check() looks at the
/// rest. `made_by_train`: it need not exist yet.
Finding check_volume(const std::string& path, bool made_by_train);

}  // namespace spotctl
