#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace spot {

/// The JSON document that a service's answer is. Only ASCII is of interest in it, so a text in another encoding does no
/// harm.
std::optional<JsonValue> json_in(std::string_view body);

/// What a field of a JSON object says, without white space around it; empty unless it is a text.
std::string text_field(const JsonValue& object, std::string_view name);

}  // namespace spot
