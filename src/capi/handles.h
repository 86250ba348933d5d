#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <spot_trainer.h>
#include <string>

#include "base/cancel.h"
#include "base/config.h"
#include "base/fork_guard.h"
#include "base/log.h"
#include "capi/guard.h"
#include "capi/message_queue.h"
#include "checkpoint/checkpoint.h"
#include "data/dataset.h"
#include "interrupt/poller.h"
#include "session/inference.h"
#include "session/session.h"
#include "snapshot/snapshot_store.h"

// What the opaque handles of the public header are.

/// Any number of threads may use it, one after the other.
struct spot_config {
  spot::ForkGuard owner;
  mutable std::mutex mutex;
  spot::Config values;
  spot::Log log;
};

struct spot_log_queue {
  spot::ForkGuard owner;
  /// Shared with whatever reports into it and waits on it, so that the handle may be freed meanwhile.
  std::shared_ptr<spot::MessageQueue> messages;
};

struct spot_cancel {
  spot::ForkGuard owner;
  std::atomic<std::uint32_t> owners{1};
  spot::CancelToken token;
};

struct spot_poller {
  spot::ForkGuard owner;
  /// Shared with a run or a wait in progress, so that the handle may be freed meanwhile.
  std::shared_ptr<spot::Poller> poller;
};

/// Never changes, so any number of threads may read it.
struct spot_dataset {
  spot::ForkGuard owner;
  spot::Dataset content;
};

struct spot_trainer {
  spot::HandleUse use;
  spot::Session session;
  std::string path{}, message{};  ///< that the last call gave to the host
};

/// Guards itself, so any number of threads may use it.
struct spot_model {
  spot::ForkGuard owner;
  std::string run_id;
  std::uint64_t step;
  spot::Inference inference;
};

/// Never changes, so any number of threads may read it.
struct spot_checkpoint {
  spot::ForkGuard owner;
  std::string path;
  std::uint64_t bytes;
  spot::Checkpoint content;
};

/// One call after the other.
struct spot_snapshots {
  spot::ForkGuard owner;
  std::mutex mutex;
  std::condition_variable free;
  bool busy = false;  ///< a call is at work; guarded by the mutex
  std::unique_ptr<spot::SnapshotStore> store;
  std::string path{}, moved_to{};  ///< that the last call gave to the host
};

namespace spot {

/// What a configuration holds at one moment.
struct Settings {
  Config values;
  Log log;
};

/// Throws kInvalidArgument for a null, kForked.
Settings settings_of(const spot_config* config);
/// The same, or the defaults for a null.
Settings settings_or_defaults(const spot_config* config);

}  // namespace spot
