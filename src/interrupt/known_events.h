#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "interrupt/notice_log.h"
#include "interrupt/source.h"

namespace spot {

/// Tells one event from another in what a source says at each look, and a left-over notice from a new one.
///
/// An event is a group, an action and, where the provider gives one, its identity there, from the first look that shows
/// it to the first clear look that does not. While it lasts its time may slide: it is still one, and its earliest
/// deadline counts. An event that is absent and comes back is a new one, and so is one that states a time ten minutes
/// or more behind the one told, when that has passed: a second hibernation, or a second rebalance recommendation, of
/// which no look saw the first one go. A termination has no second one. A notice in the place of a left-over one that
/// states a time since the watching began is a new one, too.
///
/// Stated times are compared with the clock of whoever states them, where that is told, and else with the machine's,
/// which may be wrong. A notice is stale when the time that it states has passed at first sight. It is left over, and
/// may be one that an earlier process obeyed, when by that same clock this time came before the watching began, and no
/// earlier look at its group was clear.
class KnownEvents {
 public:
  /// The watching begins now.
  KnownEvents(NoticeLog& log, const Clock& clock) : log_(log), clock_(clock), began_ns_(clock.monotonic_ns()) {}

  /// Puts into the log what is new since the look before.
  void compare(const Observation& observation);

 private:
  struct Event {
    std::string_view group;
    NoticeAction action;
    std::string event_id;                   ///< the provider's
    std::optional<std::int64_t> stated_ns;  ///< as told
    bool left_over;
    std::uint64_t id;  ///< as told

    [[nodiscard]] bool is_that_of(const Sighting& sighting) const {
      return sighting.group == group && sighting.action == action && sighting.event_id == event_id;
    }
  };

  void meet(const Sighting& sighting);
  [[nodiscard]] bool is_another(const Event& known, const Sighting& sighting) const;
  [[nodiscard]] bool is_from_before(const Sighting& sighting) const;
  [[nodiscard]] std::int64_t now_of(const Sighting& sighting) const;
  [[nodiscard]] Notice notice_of(const Sighting& sighting) const;

  NoticeLog& log_;
  const Clock& clock_;
  std::int64_t began_ns_;
  std::vector<Event> events_;
  std::set<std::string_view> clear_before_;  ///< groups that an earlier look was clear about
};

}  // namespace spot
