#pragma once

#include <chrono>
#include <cstdint>
#include <spot_trainer.h>
#include <string>

namespace spotctl {

/// Shows a run on stderr: a bar on a terminal, a line every few seconds elsewhere, and one line for each epoch,
/// checkpoint that failed, and interruption.
class Progress {
 public:
  explicit Progress(std::uint64_t total_steps);
  ~Progress();

  void show(const spot_event& event);

 private:
  void show_step(const spot_event& event);
  [[nodiscard]] std::string bar(const spot_event& event, double steps_per_second) const;

  using Clock = std::chrono::steady_clock;
  std::uint64_t total_steps_;
  std::uint64_t first_step_ = 0;
  Clock::time_point started_ = Clock::now();
  Clock::time_point shown_ = Clock::now();
  double samples_per_second_ = 0;  ///< smoothed
};

/// "95 s", "12 min", "3.4 h".
std::string duration_text(double seconds);

}  // namespace spotctl
