#include <map>

#include "command.h"
#include "configuration.h"
#include "keys.h"
#include "terminal.h"

namespace spotctl {
namespace {

/// The strongest setting of each key that is set at all.
std::map<std::string, Setting> strongest(const std::vector<Setting>& settings) {
  std::map<std::string, Setting> result;
  for (const Setting& setting : settings) result[setting.key] = setting;
  return result;
}

void print_table(const std::vector<KeyDescription>& keys, const std::map<std::string, Setting>& present) {
  for (const KeyDescription& key : keys) {
    terminal().print(format("%-22s %-8s default %s%s\n", key.name.c_str(), key.type.c_str(),
                            key.default_value.empty() ? "(empty)" : key.default_value.c_str(),
                            key.allowed.empty() ? "" : (", " + key.allowed).c_str()));
    const auto set = present.find(key.name);
    if (set != present.end()) {
      terminal().print("    now " + plain(set->second.value) + ", from " + plain(set->second.origin) + "\n");
    }
    terminal().print(format("    %s%s\n", key.help.c_str(), key.resume == "exact" ? " [fixed for the whole run]" : ""));
  }
}

void print_toml(const std::vector<KeyDescription>& keys) {
  for (const KeyDescription& key : keys) {
    const std::string value = key.type == "text" ? "\"" + key.default_value + "\"" : key.default_value;
    terminal().print(format("# %s\n# %s = %s\n\n", key.help.c_str(), key.name.c_str(), value.c_str()));
  }
}

}  // namespace

Action add_config(CLI::App& program) {
  auto* command = program.add_subcommand("config", "Every configuration key: type, default, bounds, meaning");
  auto json = std::make_shared<bool>(false);
  auto toml = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON");
  command->add_flag("--toml", *toml, "As a commented file for --config")->excludes("--json");
  command->footer(
      "A key is set by its flag (--batch-size 64), --set batch_size=64, SPOT_BATCH_SIZE=64 in the\n"
      "environment, or batch_size = 64 in the file of --config; in this order the first one counts.");
  const Configuration configuration(*command);
  return [configuration, json, toml] {
    if (*json) {
      print_line(spot_config_describe());
    } else if (*toml) {
      print_toml(all_keys());
    } else {
      (void)configuration.build();  // refuses what no command would take
      print_table(all_keys(), strongest(configuration.settings()));
    }
    return kDone;
  };
}

}  // namespace spotctl
