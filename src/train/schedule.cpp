#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

/// From `first` at 0 to `last` at 1 along half a period of the cosine.
double anneal(double first, double last, double fraction) {
  return last + (first - last) * (1 + std::cos(std::numbers::pi * fraction)) / 2;
}

double one_cycle(double base_rate, double fraction) {
  constexpr double kPeak = 0.3;
  const double start = base_rate / 25;
  if (fraction < kPeak) return anneal(start, base_rate, fraction / kPeak);
  return anneal(base_rate, start / 1e4, (fraction - kPeak) / (1 - kPeak));
}

}  // namespace

ScheduleKind schedule_kind(std::string_view name) {
  if (name == "constant") return ScheduleKind::kConstant;
  if (name == "step") return ScheduleKind::kStep;
  if (name == "cosine") return ScheduleKind::kCosine;
  if (name == "one-cycle") return ScheduleKind::kOneCycle;
  fail(Status::kConfig, cat("there is no schedule '", name, "'"));
}

double Schedule::rate(std::uint64_t step) const {
  const double fraction = static_cast<double>(std::min(step, total_steps)) / static_cast<double>(total_steps);
  double rate = base_rate;
  switch (kind) {
    case ScheduleKind::kConstant: break;
    case ScheduleKind::kStep: {
      const std::uint64_t reductions = step / period_steps;
      rate *= std::pow(gamma, static_cast<double>(reductions));
      break;
    }
    case ScheduleKind::kCosine: rate = anneal(base_rate, 0, fraction); break;
    case ScheduleKind::kOneCycle: rate = one_cycle(base_rate, fraction); break;
  }
  if (step < warmup_steps) {
    rate *= static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  }
  return rate;
}

}  // namespace spot
