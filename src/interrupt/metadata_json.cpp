#include "interrupt/metadata_json.h"

#include <algorithm>

#include "base/text.h"

namespace spot {

std::optional<JsonValue> json_in(std::string_view body) {
  std::string ascii(body);
  std::ranges::replace_if(
      ascii, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return JsonValue::parse(ascii);
}

std::string text_field(const JsonValue& object, std::string_view name) {
  const JsonValue* field = object.find(name);
  return field == nullptr || !field->is_text() ? std::string() : std::string(trim(field->text()));
}

}  // namespace spot
