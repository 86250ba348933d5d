#pragma once

#include <nlohmann/json.hpp>

namespace spotctl {

/// The files that spot_checkpoint_verify() tells of, a line each, and below it why one is refused.
void print_files(const nlohmann::ordered_json& files);

}  // namespace spotctl
