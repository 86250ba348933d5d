#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace spot {

enum class NoticeAction : std::int32_t {
  kTerminate = 1,
  kStop = 2,
  kHibernate = 3,
  kRebalance = 4,  ///< save early and train on: a recommendation to rebalance, a freeze, a migration, maintenance
  kRequest = 5,    ///< the embedding program or the file source asked to stop
};

/// Bytes that a notice's words are cut to. With the three dots that mark the cut and a final zero byte they fit
/// spot_notice's field.
constexpr std::size_t kDetailLimit = 252;

/// That this machine will vanish, as a source told it, or that it will not after all.
struct Notice {
  std::uint64_t id = 0;  ///< of the event; the notice and its withdrawal have the same
  std::string source;    ///< "aws-spot-action", "gcp-preempted", "file", "host", ...
  NoticeAction action = NoticeAction::kTerminate;
  std::string detail;                         ///< the source's own words, cut and printable
  std::int64_t seen_ns = 0;                   ///< monotonic clock when it was first seen
  std::optional<std::int64_t> deadline_ns{};  ///< monotonic clock at which the machine may be gone; nothing: not known
  bool stale = false;                         ///< its own time had passed when it was first seen
  bool left_over = false;                     ///< stale, and from before the poller began
  bool withdrawn = false;                     ///< it is over: the source tells of it no longer
};

const char* to_text(NoticeAction action);

/// Whether training must stop, and not only save. A notice that was there before may be one that an earlier process
/// obeyed already: stopping at it again, each time the program is started, would never end. One that comes while the
/// poller watches is obeyed even if its time has passed, because the machine's clock may be wrong.
inline bool ends_training(const Notice& notice) {
  return notice.action != NoticeAction::kRebalance && !notice.left_over && !notice.withdrawn;
}

/// How the poller fares. "Unknown" answers never become notices; they show here.
struct PollerHealth {
  std::string source;     ///< what is watched, as the key `metadata` calls it; empty: nothing, or not found yet
  bool disabled = false;  ///< no metadata service here, or switched off: nothing will ever be seen
  std::uint64_t polls = 0;
  std::uint64_t failures_in_a_row = 0;
  std::int64_t last_success_ns = -1;  ///< monotonic clock; -1: never
  std::string last_error;             ///< empty after a success; when disabled: why
};

}  // namespace spot
