#pragma once

#include <string>
#include <vector>

namespace spotctl {

/// A configuration key, the text that it is set to, and where that was said: "--batch-size", "SPOT_BATCH_SIZE",
/// "settings.toml:3".
struct Setting {
  std::string key, value, origin;
};

/// The settings of a TOML file of key = value lines, in their order. Throws Failure with the file, the line and the
/// reason for anything else, and for a value that is not of its key's type.
std::vector<Setting> read_config_file(const std::string& path);

}  // namespace spotctl
