#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

#include "base/cancel.h"
#include "interrupt/event.h"

namespace spot {

/// What was told, in order. Nothing is consumed: each reader keeps its own position, 0 at first, and sees every
/// entry. Every method may be called from any thread.
class NoticeLog {
 public:
  /// Adds a notice as a new event; returns the id that it was given.
  std::uint64_t add(Notice notice);
  /// Tells that an event is over. False when there is none of that id, or it is over already.
  bool withdraw(std::uint64_t id);
  /// Brings the deadline of an event forward to `deadline_ns`, if that is earlier.
  void hasten(std::uint64_t id, std::int64_t deadline_ns);

  /// The first entry behind `position`, which is moved on to it. While there is none this is one atomic load.
  std::optional<Notice> next(std::uint64_t& position) const;
  /// Waits for it: until the time-out (negative: none), the cancellation (`cancel` may be null) or close().
  std::optional<Notice> wait(std::uint64_t& position, std::chrono::milliseconds timeout,
                             const CancelToken* cancel) const;
  /// Ends every wait(), now and later.
  void close();
  [[nodiscard]] bool closed() const;

 private:
  struct Entry {
    std::uint64_t number;  ///< counts from 1; a position is the number of the last entry seen
    bool over;             ///< a withdrawal, or an event that was withdrawn
    Notice notice;
  };

  std::uint64_t append(Notice notice);
  Entry* find(std::uint64_t id);
  void make_room();
  [[nodiscard]] std::deque<Entry>::const_iterator behind(std::uint64_t position) const;
  /// next(), with the mutex held.
  std::optional<Notice> take(std::uint64_t& position) const;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::deque<Entry> entries_;  ///< by number, some left out
  std::atomic<std::uint64_t> last_number_{0};
  bool closed_ = false;
};

}  // namespace spot
