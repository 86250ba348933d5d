#pragma once

#include <string>

namespace spotctl {

/// A JSON value as one line of UTF-8. Bytes that are none, in a path for instance, become U+FFFD.
template <typename Json>
std::string json_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The same in ASCII: what a stranger's file holds may be shown on a terminal.
template <typename Json>
std::string ascii_json_line(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace spotctl
