#include "config_file.h"

#include <CLI/CLI.hpp>

#include "exit_code.h"

namespace spotctl {

std::vector<Setting> read_config_file(std::istream& file, const std::string& path) {
  std::vector<CLI::ConfigItem> items;
  try {
    items = CLI::ConfigTOML().from_config(file);
  } catch (const CLI::Error& error) {
    throw Failure(kUsage, "configuration file '" + path + "': " + error.what());
  }
  std::vector<Setting> settings;
  for (const CLI::ConfigItem& item : items) {
    if (item.name == "++" || item.name == "--") continue;  // CLI11's marks for sections
    if (item.inputs.size() != 1 || !item.parents.empty()) {
      throw Failure(kUsage,
                    "configuration file '" + path + "': '" + item.fullname() + "' must be a plain key = value line");
    }
    settings.push_back({item.name, item.inputs.front()});
  }
  return settings;
}

}  // namespace spotctl
