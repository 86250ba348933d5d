#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interrupt/event.h"
#include "interrupt/poller.h"

namespace spot {

/// A notice in a source's own terms; the poller makes a Notice of it.
struct Sighting {
  std::string source{};
  /// The question that it answers, "spot" say. A clear answer without it means that it is over.
  std::string_view group{};
  std::string event_id{};  ///< by which the provider tells events of one group and action apart; empty: it does not
  NoticeAction action = NoticeAction::kTerminate;
  std::string detail{};                     ///< the source's own words
  std::optional<std::int64_t> stated_ns{};  ///< wall time that the source states
  std::optional<std::int64_t> now_ns{};     ///< wall time by the source's own clock; nothing: it does not tell
  /// The least that the provider promises from first sight to the end; nothing: no end is known, and `stated_ns` is
  /// that of something else.
  std::optional<std::chrono::nanoseconds> notice{};
  bool left_over = false;  ///< the source knows that it was there before the poller began
};

/// What one look at a source showed. An answer that says neither yes nor no is `unknown`, and never a notice.
struct Observation {
  std::vector<Sighting> sightings{};
  std::vector<std::string_view> clear{};  ///< groups of which all that there is was seen
  std::string unknown{};                  ///< why there was no clear answer; empty: there was one
  /// The next look may follow at once: this one waited for news itself, or was the first part of a question.
  bool look_on = false;
};

/// One provider of notices. Used by one thread, but cancel() may come from any.
class Source {
 public:
  virtual ~Source() = default;
  virtual Observation look() = 0;
  /// For `auto`: empty when the provider's service answers here, else why that cannot be said. One question, two
  /// seconds at most.
  virtual std::string probe() { return {}; }
  /// Ends a look() or probe() in progress at once; none follows.
  virtual void cancel() {}
  /// As the key `metadata` calls it; empty while it is not known.
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// The longest sensible time between two looks.
  [[nodiscard]] virtual std::chrono::nanoseconds longest_period() const { return std::chrono::hours(1); }
};

/// The source that the options name; null: there is nothing to watch, and `why` says so. Throws kConfig for
/// options that cannot be. `log` receives what `auto` found.
std::unique_ptr<Source> make_source(const PollerOptions& options, const Log& log, std::string& why);

}  // namespace spot
