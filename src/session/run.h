#pragma once

#include <cstdint>
#include <string>

#include "base/cancel.h"
#include "interrupt/poller.h"
#include "session/session.h"

namespace spot {

/// Why a run returned; the numbers are those of SPOT_RUN_...
enum class RunReason : std::int32_t { kDone = 0, kInterrupted = 1, kCancelled = 2 };

struct RunResult {
  RunReason reason = RunReason::kDone;
  bool resumed = false;
  bool durable = false;  ///< the state that it stopped in is in a durable checkpoint
  std::uint64_t step = 0;
  std::uint64_t epoch = 0;
  double test_loss = Event::kNone;
  double test_accuracy = Event::kNone;
  double wall_s = 0;
  double notice_to_durable_ms = Event::kNone;
  double margin_s = Event::kNone;
  std::string state_hash;
  std::string model_path;  ///< empty unless done
};

/// The whole job. At step 0 it resumes from the volume or starts; a session that was stepped or
/// restored goes on from where it stands. Trains, evaluates, saves, and stops when done, at a
/// notice or when cancelled. `poller` and `cancel` may be null.
RunResult run(Session& session, Poller* poller, const CancelToken* cancel);

}  // namespace spot
