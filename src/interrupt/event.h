#pragma once

#include <cstdint>
#include <string>

namespace spot {

enum class NoticeAction : std::int32_t {
  kTerminate = 1,
  kStop = 2,
  kHibernate = 3,
  kRebalance = 4,  ///< save early and train on
  kRequest = 5,    ///< the embedding program or the file source asked to stop
};

/// That this machine will vanish, as a source told it.
struct Notice {
  std::string
      source;  ///< "aws-spot-action", "aws-termination-time", "aws-rebalance", "aws-autoscaling", "file", "host"
  NoticeAction action = NoticeAction::kTerminate;
  std::string detail;            ///< the source's own words, cut and printable
  std::int64_t seen_ns = 0;      ///< monotonic clock when it was first seen
  std::int64_t deadline_ns = 0;  ///< monotonic clock at which the machine may be gone
  bool stale = false;            ///< the stated time lay in the past
};

std::string to_text(NoticeAction action);

/// Whether training must stop, and not only save.
inline bool ends_training(const Notice& notice) {
  return notice.action != NoticeAction::kRebalance;
}

/// How the poller fares. "Unknown" answers never become notices; they show here.
struct PollerHealth {
  bool disabled = false;  ///< no metadata service here, or switched off: nothing will ever be seen
  std::uint64_t polls = 0;
  std::uint64_t failures_in_a_row = 0;
  std::int64_t last_success_ns = -1;  ///< monotonic clock; -1: never
  std::string last_error;             ///< empty after a success
};

}  // namespace spot
