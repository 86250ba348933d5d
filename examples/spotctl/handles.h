#pragma once

#include <memory>
#include <spot_trainer.h>
#include <string>
#include <utility>

#include "exit_code.h"

namespace spotctl {

template <auto free_function>
struct Freer {
  template <typename Handle>
  void operator()(Handle* handle) const {
    free_function(handle);
  }
};

using Config = std::unique_ptr<spot_config, Freer<spot_config_free>>;
using Trainer = std::unique_ptr<spot_trainer, Freer<spot_trainer_free>>;
using Poller = std::unique_ptr<spot_poller, Freer<spot_poller_free>>;
using Cancel = std::unique_ptr<spot_cancel, Freer<spot_cancel_free>>;
using Checkpoint = std::unique_ptr<spot_checkpoint, Freer<spot_checkpoint_free>>;
using Text = std::unique_ptr<char, Freer<spot_text_free>>;

/// Calls a function of the library whose last parameter is the error, and throws Failure when it fails.
template <typename Function, typename... Arguments>
void call(Function function, Arguments&&... arguments) {
  spot_error* error = nullptr;
  const spot_status status = function(std::forward<Arguments>(arguments)..., &error);
  check(status, error);
}

/// Calls a function that makes a handle through its last parameter but one.
template <typename Handle, typename Function, typename... Arguments>
Handle make(Function function, Arguments&&... arguments) {
  typename Handle::pointer raw = nullptr;
  call(function, std::forward<Arguments>(arguments)..., &raw);
  return Handle(raw);
}

/// A result struct with its size filled in.
template <typename Struct>
Struct sized() {
  Struct result{};
  result.struct_size = sizeof result;
  return result;
}

inline std::string value_of(const Config& config, const char* key) {
  return make<Text>(spot_config_get_str, config.get(), key).get();
}

}  // namespace spotctl
