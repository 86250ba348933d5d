#pragma once

#include <cstdint>

namespace spot {

/// The time of work between the end of a save and the begin of the next that loses least: saves, and work that is done
/// again, together. `cost` is what training loses to a save, `mean_uptime` the mean time until the machine is gone;
/// both are positive, in one unit, and so is the result.
///
/// sqrt(2 cost mean_uptime) is J. W. Young's first-order answer: A first order approximation to the optimum checkpoint
/// interval, Communications of the ACM 17(9), 1974. This is J. T. Daly's of higher order, which also holds where saves
/// cost much: A higher order estimate of the optimum checkpoint interval for restart dumps, Future Generation Computer
/// Systems 22(3), 2006.
double best_interval(double cost, double mean_uptime);

/// The interval of checkpoint_seconds=auto, from what saves are measured to cost.
class AutoInterval {
 public:
  explicit AutoInterval(double mean_uptime_seconds) : mean_uptime_seconds_(mean_uptime_seconds) {}

  /// Takes note of what training lost to a save.
  void learn(std::int64_t cost_ns);
  /// From the begin of a save to the begin of the next: at least 1.
  [[nodiscard]] std::int64_t interval_ns() const;

  [[nodiscard]] bool has_measured() const { return measured_ > 0; }
  [[nodiscard]] double cost_seconds() const { return cost_seconds_; }
  [[nodiscard]] double mean_uptime_seconds() const { return mean_uptime_seconds_; }

 private:
  double mean_uptime_seconds_;
  /// Until one was measured a save is taken to be cheap, so that one soon is. With the default of mean_uptime_seconds
  /// that is after 12 s.
  double cost_seconds_ = 0.01;
  int measured_ = 0;  ///< saves, counted up to the number that the mean is taken over
};

}  // namespace spot
