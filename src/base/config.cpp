#include "base/config.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/key_names.h"
#include "base/recipes.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

/// A whole number without an exponent.
std::string bound(double value) {
  return value == std::floor(value) ? to_text(static_cast<std::int64_t>(value)) : to_text(value);
}

std::string allowed(const ConfigKey& key) {
  if (key.type == KeyType::kBoolean) return "true or false";
  if (key.type == KeyType::kText) return key.choices.empty() ? "text" : cat("one of ", key.choices);
  return cat(key.type == KeyType::kInteger ? "an integer" : "a number", " from ", bound(key.minimum), " to ",
             bound(key.maximum), key.choices.empty() ? "" : " or ", key.choices);
}

[[noreturn]] void refuse(const ConfigKey& key, std::string_view value) {
  fail(Status::kConfig,
       cat("configuration key '", key.name, "' cannot be '", printable(value), "': it takes ", allowed(key)));
}

const ConfigKey& find_key_of_type(std::string_view name, KeyType type) {
  const ConfigKey& key = find_config_key(name);
  if (key.type != type) {
    fail(Status::kInternal, cat("configuration key '", name, "' is read as the wrong type"));
  }
  return key;
}

bool is_choice(std::string_view choices, std::string_view value) {
  const auto options = split(choices, '|');
  return std::find(options.begin(), options.end(), value) != options.end();
}

}  // namespace

const ConfigKey& find_config_key(std::string_view name) {
  const auto keys = config_keys();
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const ConfigKey& key) { return key.name == name; });
  if (found != keys.end()) return *found;
  const std::string_view nearest = nearest_key(name);
  const std::string hint =
      nearest.empty() ? ": spot_config_describe() lists all" : cat("; did you mean '", nearest, "'?");
  fail(Status::kConfig, cat("there is no configuration key '", printable(name), "'", hint));
}

std::string_view type_name(KeyType type) {
  switch (type) {
    case KeyType::kBoolean: return "boolean";
    case KeyType::kInteger: return "integer";
    case KeyType::kReal: return "number";
    case KeyType::kText: return "text";
  }
  return "text";
}

Config::Config() {
  for (const ConfigKey& key : config_keys()) values_.emplace(key.name, key.default_value);
}

void Config::store(const ConfigKey& key, std::string value) {
  values_.find(key.name)->second = std::move(value);
  set_[std::string(key.name)] = true;
  if (key.name == "recipe") apply_recipe();
}

/// Whatever came before, the caller's own values stand.
void Config::apply_recipe() {
  for (const ConfigKey& key : config_keys()) {
    if (!is_set(key.name)) values_.find(key.name)->second = key.default_value;
  }
  for (const auto& [name, value] : recipe(text("recipe"))) {
    if (!is_set(name)) values_.find(name)->second = value;
  }
}

void Config::set_integer(std::string_view name, std::int64_t value) {
  const ConfigKey& key = find_config_key(name);
  if (key.type == KeyType::kReal) return set_real(name, static_cast<double>(value));
  if (key.type == KeyType::kBoolean && (value == 0 || value == 1)) {
    return store(key, to_text(value == 1));
  }
  const bool inside = static_cast<double>(value) >= key.minimum && static_cast<double>(value) <= key.maximum;
  if (key.type != KeyType::kInteger || !inside) refuse(key, to_text(value));
  store(key, to_text(value));
}

void Config::set_real(std::string_view name, double value) {
  const ConfigKey& key = find_config_key(name);
  if (key.type != KeyType::kReal || !std::isfinite(value) || value < key.minimum || value > key.maximum) {
    refuse(key, to_text(value));
  }
  store(key, to_text(value + 0.0));  // -0 is 0
}

void Config::set_text(std::string_view name, std::string_view value) {
  const ConfigKey& key = find_config_key(name);
  switch (key.type) {
    case KeyType::kBoolean:
      if (value != "true" && value != "false" && value != "1" && value != "0") refuse(key, value);
      return store(key, to_text(value == "true" || value == "1"));
    case KeyType::kInteger:
      if (const auto number = parse_number<std::int64_t>(value)) return set_integer(name, *number);
      refuse(key, value);
    case KeyType::kReal:
      if (const auto number = parse_number<double>(value)) return set_real(name, *number);
      if (is_choice(key.choices, value)) return store(key, std::string(value));
      refuse(key, value);
    case KeyType::kText:
      if (!key.choices.empty() && !is_choice(key.choices, value)) refuse(key, value);
      if (value.find('\0') != std::string_view::npos) refuse(key, value);
      return store(key, std::string(value));
  }
}

void Config::unset(std::string_view name) {
  const ConfigKey& key = find_config_key(name);
  set_.erase(std::string(key.name));
  apply_recipe();  // which may have a value for it, or have been it
}

bool Config::boolean(std::string_view name) const {
  return values_.at(std::string(find_key_of_type(name, KeyType::kBoolean).name)) == "true";
}

std::int64_t Config::integer(std::string_view name) const {
  const ConfigKey& key = find_key_of_type(name, KeyType::kInteger);
  return parse_number<std::int64_t>(values_.find(key.name)->second).value_or(0);
}

double Config::real(std::string_view name) const {
  const ConfigKey& key = find_key_of_type(name, KeyType::kReal);
  const std::string& value = values_.find(key.name)->second;
  if (is_choice(key.choices, value)) {
    fail(Status::kConfig, cat("configuration key '", key.name, "' is ", value, ", which is no number: get it as text"));
  }
  return parse_number<double>(value).value_or(0.0);
}

const std::string& Config::text(std::string_view name) const {
  return values_.find(find_config_key(name).name)->second;
}

bool Config::is_set(std::string_view name) const {
  return set_.contains(find_config_key(name).name);
}

}  // namespace spot
