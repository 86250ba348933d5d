#include "base/json.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace spot {

/// Builds the value from the parser's events. It holds the way from the document to the value in the making.
class JsonReader {
 public:
  explicit JsonReader(JsonValue& document) : document_(document) {}

  bool null() { return add(JsonValue::Kind::kNull) != nullptr; }
  bool boolean(bool value) {
    JsonValue* added = add(JsonValue::Kind::kBoolean);
    if (added != nullptr) added->integer_ = value ? 1 : 0;
    return added != nullptr;
  }
  bool number_integer(std::int64_t value) {
    JsonValue* added = add(JsonValue::Kind::kInteger);
    if (added != nullptr) added->integer_ = value;
    return added != nullptr;
  }
  bool number_unsigned(std::uint64_t value) {
    constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return value <= kLargest ? number_integer(static_cast<std::int64_t>(value))
                             : number_float(static_cast<double>(value), "");
  }
  bool number_float(double value, const std::string& /*text*/) {
    JsonValue* added = add(JsonValue::Kind::kReal);
    if (added != nullptr) added->real_ = value;
    return added != nullptr;
  }
  bool string(std::string& value) {
    JsonValue* added = add(JsonValue::Kind::kText);
    if (added != nullptr) added->text_ = std::move(value);
    return added != nullptr;
  }
  bool binary(nlohmann::json::binary_t& /*value*/) { return false; }
  bool start_object(std::size_t /*size*/) { return open(JsonValue::Kind::kObject); }
  bool start_array(std::size_t /*size*/) { return open(JsonValue::Kind::kArray); }
  bool key(std::string& name) {
    way_.back()->members_.emplace_back(std::move(name), JsonValue());
    return true;
  }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/, const nlohmann::json::exception& /*why*/) {
    return false;
  }

 private:
  /// Destruction and copying are recursive, and the stack is finite.
  static constexpr std::size_t kMaxDepth = 64;

  JsonValue* add(JsonValue::Kind kind) {
    JsonValue* place = &document_;
    if (!way_.empty()) {
      JsonValue& parent = *way_.back();
      if (parent.is_array()) parent.elements_.emplace_back();
      place = parent.is_array() ? &parent.elements_.back() : &parent.members_.back().second;
    }
    place->kind_ = kind;
    return place;
  }
  bool open(JsonValue::Kind kind) {
    if (way_.size() == kMaxDepth) return false;
    way_.push_back(add(kind));
    return true;
  }
  bool close() {
    way_.pop_back();
    return true;
  }

  JsonValue& document_;
  std::vector<JsonValue*> way_;  ///< each is the last part of the one before, which does not grow meanwhile
};

std::optional<JsonValue> JsonValue::parse(std::string_view text) {
  JsonValue document;
  JsonReader reader(document);
  if (!nlohmann::json::sax_parse(text, &reader)) return std::nullopt;
  return document;
}

const JsonValue* JsonValue::find(std::string_view name) const {
  const auto found =
      std::find_if(members_.rbegin(), members_.rend(), [&](const Member& member) { return member.first == name; });
  return found == members_.rend() ? nullptr : &found->second;
}

std::string json_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (byte < 0x20) {
      std::array<char, 8> escape;
      std::snprintf(escape.data(), escape.size(), "\\u%04x", byte);
      quoted += escape.data();
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string json_number(double value) {
  std::string number = to_text(value);
  if (number.find_first_of(".e") == std::string::npos) number += ".0";
  return number;
}

}  // namespace spot
