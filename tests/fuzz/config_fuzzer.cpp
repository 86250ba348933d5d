#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "base/config.h"
#include "base/status.h"
#include "exit_code.h"
#include "toml_settings.h"

// The way of a configuration file: spotctl's TOML, then each key of the library. What a configuration accepts it gives
// back, and accepts again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  spot::Config config;
  // One unknown key an input: to look for the nearest one costs more than everything else.
  bool unknown_seen = false;
  try {
    for (const spotctl::TomlSetting& setting : spotctl::toml_settings(text, "fuzz.toml")) {
      const bool known = config.values().contains(setting.key);
      if (!known && std::exchange(unknown_seen, true)) continue;
      try {
        config.set_text(setting.key, setting.value);
      } catch (const spot::Error& error) {
        if (error.status() != spot::Status::kConfig) __builtin_trap();
      }
    }
  } catch (const spotctl::Failure&) {
  }
  spot::Config copy;
  for (const auto& [key, value] : config.values()) {
    if (config.is_set(key)) copy.set_text(key, value);
  }
  if (copy.values() != config.values()) __builtin_trap();
  return 0;
}
