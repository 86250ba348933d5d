#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "config_file.h"
#include "exit_code.h"
#include "library.h"

namespace spotctl {

/// How a command takes its configuration: a flag for every key, --set key=value, --config FILE (TOML) and
/// SPOT_<KEY> in the environment. Flag before environment before file before default.
class Configuration {
 public:
  /// Adds the flags to a command.
  explicit Configuration(CLI::App& command);

  /// The configuration that was asked for; messages of the library go to stderr. Throws Failure.
  [[nodiscard]] Config build() const;
  /// Lays the same settings over a configuration from elsewhere.
  void apply(const Config& config) const;
  /// Whether the key was given on the command line, in the environment or in the file.
  [[nodiscard]] bool gives(const std::string& key) const;
  /// All settings that were given, the weakest first. Throws Failure for a file that cannot be read.
  [[nodiscard]] std::vector<Setting> settings() const;
  /// Whether more of what is going on was asked for.
  [[nodiscard]] bool verbose() const { return flags_->verbose; }

 private:
  [[nodiscard]] std::vector<Setting> set_settings() const;

  struct Flags {
    std::vector<Setting> values;  ///< of the keys' own flags, in key order; empty: not given
    std::vector<std::string> sets;
    std::string file;
    std::optional<std::vector<Setting>> of_file;  ///< once it was read
    bool verbose = false, quiet = false;
  };
  std::shared_ptr<Flags> flags_ = std::make_shared<Flags>();
  CLI::Option* file_option_ = nullptr;
  std::vector<CLI::Option*> options_;  ///< of the keys, in key order
};

}  // namespace spotctl
