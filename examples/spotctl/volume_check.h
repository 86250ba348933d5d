#pragma once

#include <string>

#include "finding.h"

namespace spotctl {

/// Whether the folder can be a volume: it is there, takes a synced file, has room, and will outlive the machine as far
/// as one can see. `made_by_train`: it need not exist yet.
Finding check_volume(const std::string& path, bool made_by_train);

}  // namespace spotctl
