#include "policy/save_interval.h"

#include <algorithm>
#include <cmath>

namespace spot {
namespace {

/// Old costs fade, as the disk's speed and the machine's load change.
constexpr int kRemembered = 4;

}  // namespace

double best_interval(double cost, double mean_uptime) {
  if (cost >= 2 * mean_uptime) return mean_uptime;
  const double ratio = cost / (2 * mean_uptime);
  return std::sqrt(2 * cost * mean_uptime) * (1 + std::sqrt(ratio) / 3 + ratio / 9) - cost;
}

void AutoInterval::learn(std::int64_t cost_ns) {
  measured_ = std::min(measured_ + 1, kRemembered);
  cost_seconds_ += (static_cast<double>(cost_ns) * 1e-9 - cost_seconds_) / measured_;
}

std::int64_t AutoInterval::interval_ns() const {
  if (cost_seconds_ <= 0) return 1;
  const double seconds = cost_seconds_ + best_interval(cost_seconds_, mean_uptime_seconds_);
  return std::max<std::int64_t>(1, std::llround(seconds * 1e9));
}

}  // namespace spot
