#include "capi/message_queue.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace spot {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

/// A cancellation is one store, which wakes nobody: waits look at it so often.
constexpr milliseconds kCancelLook{50};
/// Longer waits would overflow the clock.
constexpr milliseconds kLongestWait = std::chrono::hours(24 * 365);

}  // namespace

void MessageQueue::push(LogLevel level, std::string_view text) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    if (messages_.size() == capacity_) {
      messages_.pop_front();
      ++dropped_;
    }
    messages_.push_back({level, std::string(text)});
  }
  changed_.notify_one();
}

std::optional<MessageQueue::Message> MessageQueue::next(milliseconds timeout, const CancelToken* cancel) {
  const SteadyClock::time_point end =
      SteadyClock::now() + (timeout.count() < 0 ? kLongestWait : std::min(timeout, kLongestWait));
  std::unique_lock lock(mutex_);
  for (;;) {
    if (dropped_ > 0) {
      const std::uint64_t dropped = std::exchange(dropped_, 0);
      return Message{LogLevel::kWarning, cat(dropped,
                                             " log messages were dropped here: fetch them faster, or give "
                                             "the queue a larger capacity")};
    }
    if (!messages_.empty()) {
      Message message = std::move(messages_.front());
      messages_.pop_front();
      return message;
    }
    const SteadyClock::time_point now = SteadyClock::now();
    if (closed_ || (cancel != nullptr && cancel->triggered())) return std::nullopt;
    if (now >= end && timeout.count() >= 0) return std::nullopt;
    const SteadyClock::time_point look = now + (cancel == nullptr ? kLongestWait : kCancelLook);
    changed_.wait_until(lock, timeout.count() < 0 ? look : std::min(look, end));
  }
}

void MessageQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

bool MessageQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace spot
