#pragma once

#include <cstdint>
#include <string>

#include "base/cancel.h"
#include "interrupt/poller.h"
#include "session/session.h"

namespace spot {

/// Why a run returned; the numbers are those of SPOT_RUN_...
enum class RunReason : std::int32_t {
  kDone = 1,
  kInterrupted = 2,  ///< a notice
  kCancelled = 3,
  kStopped = 4,  ///< an observer asked for it
  kFailed = 5,   ///< it threw; only an event says so
};

/// As events and the log name it.
const char* to_text(RunReason reason);

struct RunResult {
  RunReason reason = RunReason::kDone;
  bool resumed = false;
  bool durable = false;  ///< the state that it stopped in is in a durable checkpoint
  std::uint64_t step = 0;
  std::uint64_t epoch = 0;
  double test_loss = Event::kNone;
  double test_accuracy = Event::kNone;
  double seconds = 0;  ///< that the run took
  double notice_to_durable_ms = Event::kNone;
  double seconds_left = Event::kNone;  ///< until the machine may be gone, at durable
  Status save_status = Status::kOk;    ///< of the save that ended the run
  std::string save_message;            ///< why that failed
  std::string state_hash;
  std::string model_path;  ///< empty unless done
};

/// The whole job. At step 0 it resumes from the volume or starts; a session that was stepped or
/// restored goes on from where it stands. Trains, evaluates, saves, and stops when done, at a
/// notice or when cancelled. `poller` and `cancel` may be null.
RunResult run(Session& session, Poller* poller, const CancelToken* cancel);

}  // namespace spot
