#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "policy/save_policy.h"
#include "spot_trace.h"

namespace spotctl {

/// A training job, and what the machines it runs on take. Times in nanoseconds.
struct PlannedJob {
  std::int64_t steps = 1;
  std::int64_t step_ns = 1;     ///< a step
  std::int64_t save_ns = 0;     ///< that training stands still for a save
  std::int64_t durable_ns = 0;  ///< from the begin of a save until it is durable: save_ns or more
  std::int64_t start_ns = 0;    ///< from a machine's start to the first step on it
  std::int64_t notice_ns = 0;   ///< from the notice to a machine's end; 0: there is no notice
};

/// A corner of the line that shows the progress over time.
struct ReplayPoint {
  std::int64_t at_ns;
  std::int64_t steps;
};

/// What became of a job on a trace.
struct Replay {
  bool done = false;
  std::int64_t end_ns = 0;      ///< of the job, or of the trace
  std::int64_t steps = 0;       ///< done and not lost
  std::int64_t lost_steps = 0;  ///< done, and to be done again
  std::int64_t saving_ns = 0;   ///< that training stood still for saves
  std::int64_t machine_ns = 0;  ///< that machines were there for the job
  std::uint64_t saves = 0;
  std::uint64_t starts = 0;
  std::vector<ReplayPoint> line;
};

/// Runs the job on the machines of a trace, one after the other: each starts, restores the newest checkpoint that is
/// durable, trains step by step, saves when `policy` says so and at the notice, and is gone at its end, with whatever
/// is not durable. A notice is heard between two steps. Without a policy only the end of the job is saved, and each
/// machine begins from the start.
Replay replay(const SpotTrace& trace, const PlannedJob& job, const std::optional<spot::SavePolicy>& policy);

}  // namespace spotctl
