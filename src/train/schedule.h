#pragma once

#include <cstdint>
#include <string_view>

namespace spot {

enum class ScheduleKind : std::uint8_t { kConstant, kStep, kCosine, kOneCycle };

/// The learning rate as a pure function of the step, so that a resumed run needs no memory of it.
/// With s the steps done before, T the steps of the whole run and b the base rate:
///   constant    b
///   step        b * gamma^floor(s / period)
///   cosine      b * (1 + cos(pi * s / T)) / 2
///               (Loshchilov and Hutter, "SGDR", ICLR 2017, without restarts)
///   one-cycle   from b/25 up to b over the first 30 % of T, then down to b/250000, both along a
///   half cosine
///               (Smith and Topin, "Super-convergence", 2018, in the form of fastai and PyTorch)
/// Warm-up multiplies any of them by min(1, (s + 1) / warmup_steps).
struct Schedule {
  ScheduleKind kind = ScheduleKind::kConstant;
  double base_rate = 0;
  std::uint64_t warmup_steps = 0;
  std::uint64_t total_steps = 1;   ///< T; later steps keep the last rate of cosine and one-cycle
  std::uint64_t period_steps = 1;  ///< step only
  double gamma = 1;                ///< step only

  [[nodiscard]] double rate(std::uint64_t step) const;
};

/// The kind that a value of the key `schedule` names.
ScheduleKind schedule_kind(std::string_view name);

/// Whether the rate of a step depends on the length of the run.
constexpr bool depends_on_length(ScheduleKind kind) {
  return kind == ScheduleKind::kCosine || kind == ScheduleKind::kOneCycle;
}

}  // namespace spot
