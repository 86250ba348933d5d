#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace spot {

/// Compact, and valid UTF-8 whatever bytes its strings hold.
inline std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace spot
