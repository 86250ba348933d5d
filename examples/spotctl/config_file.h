#pragma once

#include <istream>
#include <string>
#include <vector>

namespace spotctl {

/// A configuration key and the text that it is set to.
struct Setting {
  std::string key, value;
};

/// The settings of a TOML file of plain key = value lines. Throws Failure, naming `path`, for anything else.
std::vector<Setting> read_config_file(std::istream& file, const std::string& path);

}  // namespace spotctl
