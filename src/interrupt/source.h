#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interrupt/event.h"
#include "interrupt/poller.h"

namespace spot {

/// A notice in a source's own terms; the poller makes a Notice of it.
struct Sighting {
  std::string source;
  NoticeAction action = NoticeAction::kTerminate;
  std::string detail;                       ///< the source's own words
  std::optional<std::int64_t> stated_ns{};  ///< wall time that the source states for the end
  std::chrono::nanoseconds notice{};        ///< the least that the provider promises from first sight
};

/// What one look at a source showed. An answer that says neither yes nor no is `unknown`, and never a notice.
struct Observation {
  std::vector<Sighting> sightings{};
  std::string unknown{};  ///< why there was no clear answer; empty: there was one
};

/// One provider of notices. Used by one thread, but cancel() may come from any.
class Source {
 public:
  virtual ~Source() = default;
  virtual Observation look() = 0;
  /// Ends a look() in progress at once; none follows.
  virtual void cancel() {}
  /// The longest sensible time between two looks.
  [[nodiscard]] virtual std::chrono::nanoseconds longest_period() const { return std::chrono::hours(1); }
};

/// The source that the options name; null: there is nothing to watch, and `why` says so. Throws kConfig for
/// options that cannot be.
std::unique_ptr<Source> make_source(const PollerOptions& options, std::string& why);

}  // namespace spot
