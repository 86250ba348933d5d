#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

#include "base/status.h"
#include "base/text.h"

namespace spot {

/// A request to stop. trigger() is one lock-free store: safe in a signal handler and on any thread.
class CancelToken {
 public:
  void trigger() noexcept { triggered_.store(true, std::memory_order_relaxed); }
  void reset() noexcept { triggered_.store(false, std::memory_order_relaxed); }
  [[nodiscard]] bool triggered() const noexcept { return triggered_.load(std::memory_order_relaxed); }

 private:
  static_assert(std::atomic<bool>::is_always_lock_free);
  std::atomic<bool> triggered_{false};
};

/// Asked by whatever can take longer than a second, several times a second; true: give it up. An empty one never
/// says so.
using StopCheck = std::function<bool()>;

/// Asks a token that outlives it, and may be null.
inline StopCheck stop_by(const CancelToken* cancel) {
  if (cancel == nullptr) return {};
  return [cancel] { return cancel->triggered(); };
}

/// Throws kCancelled when `stop` says so; `what` was going on, e.g. "unpacking 'x.gz'".
inline void check_stop(const StopCheck& stop, std::string_view what) {
  if (stop && stop()) fail(Status::kCancelled, cat("cancelled while ", what));
}

/// Calls use(piece) for all of `bytes` in order, a fraction of a second's work at a time, asking `stop` between.
template <typename Use>
void in_pieces(std::span<const std::byte> bytes, const StopCheck& stop, std::string_view what, const Use& use) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
    check_stop(stop, what);
    use(bytes.subspan(at, std::min(kPiece, bytes.size() - at)));
  }
}

}  // namespace spot
