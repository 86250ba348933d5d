#pragma once

#include <chrono>
#include <cstdint>

namespace spot {

/// Time as an explicit input. Monotonic time measures durations and deadlines; wall time is only ever
/// recorded or compared with times that somebody else states.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Nanoseconds since an arbitrary moment; never goes back.
  [[nodiscard]] virtual std::int64_t monotonic_ns() const = 0;
  /// Nanoseconds since 1970-01-01 UTC, as the machine believes.
  [[nodiscard]] virtual std::int64_t wall_ns() const = 0;
};

/// The machine's clocks (CLOCK_MONOTONIC, CLOCK_REALTIME).
const Clock& system_clock();

/// A clock that moves only when told to.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t monotonic_ns() const override { return monotonic_ns_; }
  [[nodiscard]] std::int64_t wall_ns() const override { return wall_ns_; }
  void advance(std::chrono::nanoseconds by) {
    monotonic_ns_ += by.count();
    wall_ns_ += by.count();
  }
  void set_wall_ns(std::int64_t wall_ns) { wall_ns_ = wall_ns; }

 private:
  std::int64_t monotonic_ns_ = 0;
  std::int64_t wall_ns_ = 0;
};

constexpr double to_seconds(std::int64_t ns) {
  return static_cast<double>(ns) * 1e-9;
}
constexpr double to_milliseconds(std::int64_t ns) {
  return static_cast<double>(ns) * 1e-6;
}

}  // namespace spot
