#pragma once

#include <cstdio>
#include <cstdlib>
#include <spot_trainer.h>
#include <string>

#include "handle_owners.h"

// What makes handles of the C ABI, for programs that end at the first thing that must not be.

namespace spot::test {

[[noreturn]] inline void give_up(const std::string& why) {
  std::printf("%s\n", why.c_str());
  std::fflush(stdout);
  std::_Exit(1);
}

/// `error` is a reference because the call that fills it is an argument, too.
inline void must(spot_status status, spot_error* const& error, const char* what) {
  if (status != SPOT_OK) {
    give_up(std::string(what) + ": " + spot_status_name(status) + " " + spot_error_message(error));
  }
}

/// A configuration for `volume` with the settings KEY=VALUE of a command line.
inline ConfigHandle make_config(const char* volume, char** settings, int count) {
  spot_config* config = nullptr;
  spot_error* error = nullptr;
  must(spot_config_create(&config, &error), error, "config");
  must(spot_config_set_str(config, "volume", volume, &error), error, "volume");
  for (int i = 0; i < count; ++i) {
    const std::string setting = settings[i];
    const std::size_t equals = setting.find('=');
    must(spot_config_set_str(config, setting.substr(0, equals).c_str(), setting.c_str() + equals + 1, &error), error,
         settings[i]);
  }
  return ConfigHandle(config);
}

inline TrainerHandle make_trainer(const ConfigHandle& config) {
  spot_trainer* trainer = nullptr;
  spot_error* error = nullptr;
  must(spot_trainer_create(config.get(), nullptr, &trainer, &error), error, "create");
  return TrainerHandle(trainer);
}

inline PollerHandle make_poller(const ConfigHandle& config) {
  spot_poller* poller = nullptr;
  spot_error* error = nullptr;
  must(spot_poller_create(config.get(), &poller, &error), error, "poller");
  return PollerHandle(poller);
}

template <typename Struct>
Struct sized() {
  Struct result{};
  result.struct_size = sizeof(Struct);
  return result;
}

}  // namespace spot::test
