#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/cancel.h"

namespace spot {

/// What take() finds, which looks with the lock held and gives a std::optional. Waits for it on `changed` until the
/// time-out (negative: none), until `closed` is true, or until `cancel`, which may be null, is triggered; then nothing.
template <typename Take>
auto wait_for(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, std::chrono::milliseconds timeout,
              const CancelToken* cancel, const bool& closed, const Take& take) -> decltype(take()) {
  using Clock = std::chrono::steady_clock;
  // A cancellation is one store, which wakes nobody: so often it is looked at.
  constexpr std::chrono::milliseconds kCancelLook{50};
  // Longer waits would overflow the clock.
  constexpr std::chrono::milliseconds kLongestWait = std::chrono::hours(24 * 365);
  const bool is_bounded = timeout.count() >= 0;
  const Clock::time_point end = Clock::now() + (is_bounded ? std::min(timeout, kLongestWait) : kLongestWait);
  for (;;) {
    if (auto found = take()) return found;
    const Clock::time_point now = Clock::now();
    if (closed || (cancel != nullptr && cancel->triggered()) || (is_bounded && now >= end)) return std::nullopt;
    const Clock::time_point look = now + (cancel == nullptr ? kLongestWait : kCancelLook);
    changed.wait_until(lock, is_bounded ? std::min(look, end) : look);
  }
}

}  // namespace spot
