#pragma once

#include <atomic>

namespace spot {

/// A request to stop, obeyed at the next step boundary. trigger() is one lock-free store: safe in a signal
/// handler and on any thread.
class CancelToken {
 public:
  void trigger() noexcept { triggered_.store(true, std::memory_order_relaxed); }
  void reset() noexcept { triggered_.store(false, std::memory_order_relaxed); }
  [[nodiscard]] bool triggered() const noexcept { return triggered_.load(std::memory_order_relaxed); }

 private:
  static_assert(std::atomic<bool>::is_always_lock_free);
  std::atomic<bool> triggered_{false};
};

}  // namespace spot
