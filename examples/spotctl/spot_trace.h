#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace spotctl {

/// From one machine's start to its end, in nanoseconds since the trace began.
struct Uptime {
  std::int64_t up_ns = 0;
  std::int64_t down_ns = 0;
};

/// When there was a machine to be had, or as many as are needed together.
struct SpotTrace {
  std::vector<Uptime> uptimes;  ///< one at least, in order
  std::int64_t end_ns = 0;
  bool ends_up = false;  ///< the last machine outlives the trace

  [[nodiscard]] std::int64_t up_ns() const;
  /// Machines that were taken away.
  [[nodiscard]] std::uint64_t interruptions() const { return uptimes.size() - (ends_up ? 1 : 0); }
  /// Until a machine is taken away, on average; where none was: all the time that was seen.
  [[nodiscard]] double mean_uptime_seconds() const;
};

/// Reads a trace in either form, see 'spotctl plan --help'; `nodes` machines are needed at the same time. Throws
/// Failure: the file cannot be read, or is no trace, with the place in it that is wrong.
SpotTrace read_spot_trace(const std::string& path, std::uint64_t nodes);

}  // namespace spotctl
