#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include <spot_trainer.hpp>

// For programs that end at the first thing that must not be.

namespace spot::test {

using namespace spottrainer;

[[noreturn]] inline void give_up(const std::string& why) {
  std::printf("%s\n", why.c_str());
  std::fflush(stdout);
  std::_Exit(1);
}

/// Calls a function of the library that must succeed.
template <typename Function, typename... Arguments>
void must(const char* what, Function function, Arguments&&... arguments) {
  try {
    call(function, std::forward<Arguments>(arguments)...);
  } catch (const Error& error) {
    give_up(std::string(what) + ": " + spot_status_name(error.status()) + " " + error.what());
  }
}

/// The handle that a function of the library must make.
template <typename Handle, typename Function, typename... Arguments>
Handle must_make(const char* what, Function function, Arguments&&... arguments) {
  typename Handle::pointer raw = nullptr;
  must(what, function, std::forward<Arguments>(arguments)..., &raw);
  return Handle(raw);
}

/// A configuration for `volume` with the settings KEY=VALUE of a command line.
inline Config make_config(const char* volume, char** settings, int count) {
  Config config = must_make<Config>("config", spot_config_create);
  must("volume", spot_config_set_str, config.get(), "volume", volume);
  for (int i = 0; i < count; ++i) {
    const std::string setting = settings[i];
    const std::size_t equals = setting.find('=');
    must(settings[i], spot_config_set_str, config.get(), setting.substr(0, equals).c_str(),
         setting.c_str() + equals + 1);
  }
  return config;
}

inline Trainer make_trainer(const Config& config) {
  return must_make<Trainer>("create", spot_trainer_create, config.get(), nullptr, nullptr);
}

inline Poller make_poller(const Config& config) {
  return must_make<Poller>("poller", spot_poller_create, config.get());
}

}  // namespace spot::test
