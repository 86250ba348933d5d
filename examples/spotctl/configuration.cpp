#include "configuration.h"

#include <algorithm>

#include "environment.h"
#include "habits.h"
#include "keys.h"
#include "origins.h"
#include "terminal.h"

namespace spotctl {
namespace {

void report(void* /*user*/, int32_t level, const char* message, size_t length) {
  terminal().log(level, std::string(message, length));
}

}  // namespace

Configuration::Configuration(CLI::App& command) {
  file_option_ = command.add_option("--config", flags_->file, "TOML file of key = value lines")->type_name("FILE");
  command.add_option("--set", flags_->sets, "Set any key: --set key=value")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command.add_flag("-v,--verbose", flags_->verbose, "Tell more of what is going on");
  command.add_flag("-q,--quiet", flags_->quiet, "Only warnings and errors on stderr");
  const std::vector<KeyDescription>& keys = all_keys();
  flags_->values.resize(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    flags_->values[i].key = keys[i].name;
    flags_->values[i].origin = flag_of(keys[i].name);
    auto* option = command.add_option(flag_of(keys[i].name), flags_->values[i].value, keys[i].help);
    option->type_name(keys[i].allowed.empty() ? "TEXT" : keys[i].allowed);
    if (!keys[i].default_value.empty()) option->default_str(keys[i].default_value);
    option->group("Configuration keys");
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);  // so that a wrapper can append flags
    options_.push_back(option);
  }
}

std::vector<Setting> Configuration::set_settings() const {
  std::vector<Setting> settings;
  for (const std::string& set : flags_->sets) {
    const std::size_t equals = set.find('=');
    if (equals == std::string::npos) throw Failure(kUsage, "--set " + set + ": write --set key=value");
    const std::string key = set.substr(0, equals);
    settings.push_back({key, set.substr(equals + 1), "--set " + key});
  }
  return settings;
}

std::vector<Setting> Configuration::settings() const {
  std::vector<Setting> settings;
  const auto add = [&](std::vector<Setting> more) { settings.insert(settings.end(), more.begin(), more.end()); };
  if (file_option_->count() > 0) {
    // Read once: a pipe cannot be read again.
    if (!flags_->of_file) flags_->of_file = read_config_file(flags_->file);
    add(*flags_->of_file);
  }
  add(environment_settings());
  add(set_settings());
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
  terminal().set_level(flags_->quiet ? SPOT_LOG_WARNING : flags_->verbose ? SPOT_LOG_DEBUG : SPOT_LOG_INFO);
  warn_of_misspelt_variables();
  for (const Setting& setting : settings()) {
    try {
      call(spot_config_set_str, config.get(), setting.key.c_str(), setting.value.c_str());
    } catch (const Error& error) {
      throw Failure(exit_code_of(error.status()), setting.origin + ": " + error.what());
    }
    remember_origin(setting);
  }
  follow_habits(config);
  call(spot_config_set_log, config.get(), SPOT_LOG_DEBUG, report, nullptr, nullptr);
}

Config Configuration::build() const {
  Config config = make<Config>(spot_config_create);
  apply(config);
  return config;
}

}  // namespace spotctl
