#include "keys.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <spot_trainer.h>

#include <nlohmann/json.hpp>

#include "habits.h"
#include "nearest_word.h"

namespace spotctl {
namespace {

std::string as_text(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string allowed_of(const nlohmann::json& key) {
  std::string choices;
  for (const auto& choice : key["choices"]) choices += (choices.empty() ? "" : "|") + as_text(choice);
  if (key["type"] == "boolean") return "true|false";
  if (key["minimum"].is_null()) return choices;
  char text[64];
  std::snprintf(text, sizeof text, "%.16g to %.16g", key["minimum"].get<double>(), key["maximum"].get<double>());
  return choices.empty() ? text : text + ("|" + choices);
}

std::vector<KeyDescription> describe_keys() {
  std::vector<KeyDescription> keys;
  for (const auto& key : nlohmann::json::parse(spot_config_describe())) {
    const std::string habit = habit_of(key["name"]);
    keys.push_back({key["name"], key["type"], habit.empty() ? as_text(key["default"]) : habit, allowed_of(key),
                    key["resume"], key["help"], key["choices"], key["synonyms"]});
  }
  return keys;
}

}  // namespace

const std::vector<KeyDescription>& all_keys() {
  static const std::vector<KeyDescription> keys = describe_keys();
  return keys;
}

const KeyDescription* find_key(const std::string& name) {
  const auto& keys = all_keys();
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const KeyDescription& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

std::string flag_of(const std::string& key) {
  std::string flag = "--" + key;
  std::replace(flag.begin() + 2, flag.end(), '_', '-');
  return flag;
}

std::string variable_of(const std::string& key) {
  std::string variable = "SPOT_" + key;
  for (char& c : variable) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return variable;
}

std::string nearest_key(const std::string& name) {
  std::vector<std::string> names;
  for (const KeyDescription& key : all_keys()) {
    if (std::find(key.synonyms.begin(), key.synonyms.end(), lower(name)) != key.synonyms.end()) return key.name;
    names.push_back(key.name);
  }
  return nearest_word(name, names);
}

}  // namespace spotctl
