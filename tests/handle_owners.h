#pragma once

#include <memory>
#include <spot_trainer.h>

// Owners for the handles of the C ABI.

namespace spot::test {

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* handle) const {
    kFree(handle);
  }
};

using ConfigHandle = std::unique_ptr<spot_config, Free<spot_config_free>>;
using TrainerHandle = std::unique_ptr<spot_trainer, Free<spot_trainer_free>>;
using PollerHandle = std::unique_ptr<spot_poller, Free<spot_poller_free>>;
using CancelHandle = std::unique_ptr<spot_cancel, Free<spot_cancel_free>>;
using CheckpointHandle = std::unique_ptr<spot_checkpoint, Free<spot_checkpoint_free>>;

}  // namespace spot::test
