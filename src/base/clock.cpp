#include "base/clock.h"

#include <ctime>

namespace spot {
namespace {

std::int64_t read_ns(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t monotonic_ns() const override { return read_ns(CLOCK_MONOTONIC); }
  [[nodiscard]] std::int64_t wall_ns() const override { return read_ns(CLOCK_REALTIME); }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace spot
