#include "config_file.h"

#include <algorithm>

#include "exit_code.h"
#include "input_file.h"
#include "keys.h"
#include "toml_settings.h"

namespace spotctl {
namespace {

constexpr std::uint64_t kLargestFile = 1 << 20;

/// Throws unless the key takes values of that type. Which keys there are the library says.
void check_type(const std::string& path, const TomlSetting& setting) {
  const KeyDescription* key = find_key(setting.key);
  const std::string& type = setting.type;
  if (key == nullptr || key->type == type || (key->type == "number" && type == "integer")) return;
  if (type == "text" && std::count(key->choices.begin(), key->choices.end(), setting.value) > 0) return;
  std::string why = "configuration key '" + setting.key + "' cannot be the " + type + " " +
                    (type == "text" ? "\"" + setting.value + "\"" : setting.value) + ": it takes " +
                    (key->type == "integer" ? "an "
                     : key->type == "text"  ? ""
                                            : "a ") +
                    key->type;
  if (!key->allowed.empty()) why += ", " + key->allowed;
  if (type == "text") why += "; write it without quotes";
  if (key->type == "text") why += "; write it in quotes";
  refuse_line(path, setting.line, why);
}

}  // namespace

std::vector<Setting> read_config_file(const std::string& path) {
  std::vector<Setting> settings;
  for (const TomlSetting& setting : toml_settings(read_input(path, "configuration file", kLargestFile, kUsage), path)) {
    check_type(path, setting);
    settings.push_back({setting.key, setting.value, path + ":" + std::to_string(setting.line)});
  }
  return settings;
}

}  // namespace spotctl
