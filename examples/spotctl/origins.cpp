#include "origins.h"

#include <map>

#include "keys.h"

namespace spotctl {
namespace {

/// The last setting of each key. Commands are set up on one thread.
std::map<std::string, Setting>& settings() {
  static std::map<std::string, Setting> instance;
  return instance;
}

}  // namespace

void remember_origin(const Setting& setting) {
  settings()[setting.key] = setting;
}

std::string with_origins(const std::string& message) {
  std::string result = message;
  for (const auto& [key, setting] : settings()) {
    const KeyDescription* described = find_key(key);
    // Other values, such as numbers, may stand in a message for something else.
    if (described == nullptr || described->type != "text" || !described->allowed.empty()) continue;
    const bool is_flag = setting.origin.compare(0, 2, "--") == 0;
    const bool is_quoted = message.find("'" + setting.value + "'") != std::string::npos;
    if (is_flag || !is_quoted || message.find(setting.origin) != std::string::npos) continue;
    result += " (" + key + " is set by " + setting.origin + ")";
  }
  return result;
}

}  // namespace spotctl
