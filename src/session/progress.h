#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "base/status.h"

namespace spot {

/// How far a run has come, for whoever asks while it goes on.
struct Progress {
  std::string run_id;
  std::uint64_t step = 0;
  double samples_per_second = 0;  ///< of the last steps; NaN: none was done yet
  double loss = 0;                ///< of the last step; NaN likewise
  bool running = false;
  std::int64_t begin_ns = -1;         ///< when the run that goes on, or was the last, was called; -1: there was none
  std::uint64_t training_step = 0;    ///< where it began to train
  std::int64_t training_ns = -1;      ///< when it did; -1: not yet
  std::int64_t end_ns = 0;            ///< when it returned; counts unless it is running
  std::uint64_t saved_step = 0;       ///< of the last checkpoint that became durable
  std::int64_t saved_ns = -1;         ///< when it did; -1: there is none
  Status save_status = Status::kOk;   ///< of the last save
  bool checkpoint_requested = false;  ///< and not begun yet
};

/// Where the thread that trains notes its progress and others look it up. Every method may be called from any thread.
class ProgressBoard {
 public:
  template <typename Change>
  void change(const Change& change) {
    const std::lock_guard lock(mutex_);
    change(progress_);
  }
  [[nodiscard]] Progress look() const {
    const std::lock_guard lock(mutex_);
    return progress_;
  }

 private:
  mutable std::mutex mutex_;
  Progress progress_;
};

}  // namespace spot
