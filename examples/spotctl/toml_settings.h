#pragma once

#include <string>
#include <vector>

namespace spotctl {

/// A key = value line.
struct TomlSetting {
  std::string key;
  std::string value;  ///< as text, without the quotes of a text
  std::string type;   ///< "boolean", "integer", "number" or "text", as the types of configuration keys are called
  unsigned line = 0;
};

/// The key = value lines of a TOML text, in their order. Throws Failure with `path`, the line and the reason for
/// anything else. Knows no keys.
std::vector<TomlSetting> toml_settings(const std::string& text, const std::string& path);

/// Throws Failure "PATH:LINE: WHY".
[[noreturn]] void refuse_line(const std::string& path, unsigned line, const std::string& why);

}  // namespace spotctl
