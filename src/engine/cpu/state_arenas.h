#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "engine/cpu/aligned_buffer.h"

namespace spot {

/// Where the state lives, in the operators' own orders. A step reads it at now() and writes it at next(): in place,
/// unless the present state is frozen. Then every value is written elsewhere, and the frozen arena is left to its
/// reader; so a state that is saved is never copied, and costs the training thread nothing.
class StateArenas {
 public:
  explicit StateArenas(std::size_t size);

  [[nodiscard]] const float* now() const { return now_->values.data(); }
  /// Between steps the same as now(). A step writes all of it.
  [[nodiscard]] float* next() const { return next_->values.data(); }

  void begin_step();
  void end_step() { now_ = next_; }
  /// The state stays what it was before the step, as far as that did not work in place.
  void abandon_step() { next_ = now_; }

  /// The present state, kept as it is until the pointer and its copies are gone; they may go on any thread.
  [[nodiscard]] std::shared_ptr<const float> freeze();
  /// Makes room for `count` frozen states.
  void reserve(std::size_t count);

 private:
  struct Arena {
    explicit Arena(std::size_t size) : values(size) {}

    AlignedBuffer<float> values;
    std::atomic<int> readers = 0;
  };

  const std::shared_ptr<Arena>& add() { return arenas_.emplace_back(std::make_shared<Arena>(size_)); }

  std::size_t size_;
  std::vector<std::shared_ptr<Arena>> arenas_;
  std::shared_ptr<Arena> now_, next_;
};

}  // namespace spot
