#include "engine/cpu/state_arenas.h"

#include <algorithm>

namespace spot {

StateArenas::StateArenas(std::size_t size) : size_(size), now_(add()), next_(now_) {}

void StateArenas::reserve(std::size_t count) {
  while (arenas_.size() < count + 1) add();
}

void StateArenas::begin_step() {
  next_ = now_;
  // Acquire: what a reader read before it went must not see what is written from here on.
  const auto is_free = [](const Arena& arena) { return arena.readers.load(std::memory_order_acquire) == 0; };
  if (is_free(*now_)) return;
  const auto found = std::find_if(arenas_.begin(), arenas_.end(), [&](const auto& arena) { return is_free(*arena); });
  next_ = found != arenas_.end() ? *found : add();
}

std::shared_ptr<const float> StateArenas::freeze() {
  now_->readers.fetch_add(1, std::memory_order_relaxed);
  return {now_->values.data(),
          [arena = now_](const float*) { arena->readers.fetch_sub(1, std::memory_order_release); }};
}

}  // namespace spot
