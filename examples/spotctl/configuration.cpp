#include "configuration.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include <nlohmann/json.hpp>

#include "terminal.h"

namespace spotctl {
namespace {

std::string environment_name(std::string key) {
  for (char& c : key) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "SPOT_" + key;
}

std::string as_text(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string allowed_of(const nlohmann::json& key) {
  const auto choices = key.find("choices");
  if (choices != key.end() && !choices->empty()) {
    if (choices->is_string()) return choices->get<std::string>();
    std::string text;
    for (const auto& choice : *choices) text += (text.empty() ? "" : "|") + as_text(choice);
    return text;
  }
  const auto minimum = key.find("minimum"), maximum = key.find("maximum");
  if (minimum == key.end() || minimum->is_null()) return key["type"] == "boolean" ? "true|false" : "";
  char text[64];
  std::snprintf(text, sizeof text, "%.16g to %.16g", minimum->get<double>(), maximum->get<double>());
  return text;
}

void report(void* /*user*/, int32_t level, const char* message, size_t length) {
  terminal().log(level, std::string(message, length));
}

}  // namespace

std::string flag_of(const std::string& key) {
  std::string flag = "--" + key;
  std::replace(flag.begin() + 2, flag.end(), '_', '-');
  return flag;
}

std::vector<KeyDescription> describe_keys() {
  std::vector<KeyDescription> keys;
  for (const auto& key : nlohmann::json::parse(spot_config_describe())) {
    keys.push_back({key["name"], key["type"], as_text(key["default"]), allowed_of(key), key["resume"], key["help"]});
  }
  return keys;
}

Configuration::Configuration(CLI::App& command) {
  command.add_option("--config", flags_->file, "TOML file of key = value lines")->type_name("FILE");
  command.add_option("--set", flags_->sets, "Set any key: --set key=value")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command.add_flag("-v,--verbose", flags_->verbose, "Tell more of what is going on");
  command.add_flag("-q,--quiet", flags_->quiet, "Only warnings and errors on stderr");
  const std::vector<KeyDescription> keys = describe_keys();
  flags_->values.resize(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    flags_->values[i].key = keys[i].name;
    auto* option = command.add_option(flag_of(keys[i].name), flags_->values[i].value, keys[i].help);
    option->type_name(keys[i].allowed.empty() ? "TEXT" : keys[i].allowed);
    if (!keys[i].default_value.empty()) option->default_str(keys[i].default_value);
    option->group("Configuration keys");
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);  // so that a wrapper can append flags
    options_.push_back(option);
  }
}

std::vector<Setting> Configuration::file_settings() const {
  if (flags_->file.empty()) return {};
  std::ifstream file(flags_->file);
  if (!file) throw Failure(kUsage, "configuration file '" + flags_->file + "' cannot be read");
  return read_config_file(file, flags_->file);
}

std::vector<Setting> Configuration::settings() const {
  std::vector<Setting> settings = file_settings();
  for (const Setting& flag : flags_->values) {
    const char* value = std::getenv(environment_name(flag.key).c_str());
    if (value != nullptr) settings.push_back({flag.key, value});
  }
  for (const std::string& set : flags_->sets) {
    const std::size_t equals = set.find('=');
    if (equals == std::string::npos) {
      throw Failure(kUsage, "--set " + set + ": write --set key=value");
    }
    settings.push_back({set.substr(0, equals), set.substr(equals + 1)});
  }
  for (std::size_t i = 0; i < options_.size(); ++i) {
    if (options_[i]->count() > 0) settings.push_back(flags_->values[i]);
  }
  return settings;
}

bool Configuration::gives(const std::string& key) const {
  const auto given = settings();
  return std::any_of(given.begin(), given.end(), [&](const Setting& s) { return s.key == key; });
}

void Configuration::apply(const Config& config) const {
  for (const Setting& setting : settings()) {
    call(spot_config_set_str, config.get(), setting.key.c_str(), setting.value.c_str());
  }
  terminal().set_level(flags_->quiet ? SPOT_LOG_WARNING : flags_->verbose ? SPOT_LOG_DEBUG : SPOT_LOG_INFO);
  call(spot_config_set_log, config.get(), report, nullptr);
}

Config Configuration::build() const {
  Config config = make<Config>(spot_config_create);
  apply(config);
  return config;
}

}  // namespace spotctl
