#include "policy/save_policy.h"

#include <cmath>
#include <initializer_list>

#include <doctest/doctest.h>

using namespace spot;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

SaveMoment moment(std::uint64_t step, std::int64_t since_save_ns, bool saving = false) {
  return {.step = step, .steps_per_epoch = 10, .since_save_ns = since_save_ns, .saving = saving};
}

/// Of each hour of machines, the part that is lost to saves and to work done again, when they are taken away at random
/// moments: Daly's equation 13, without the time of a restart.
double lost_part(double interval, double cost, double mean_uptime) {
  return 1 - interval / (mean_uptime * std::expm1((interval + cost) / mean_uptime));
}

}  // namespace

TEST_CASE("a save is due by epochs, by steps and by time, and by none of them when all are off") {
  const SavePolicy policy{.every_steps = 4, .every_epochs = 2, .every_ns = 1000, .automatic = {}};
  CHECK(policy.due(moment(3, 0)) == std::nullopt);
  CHECK(policy.due(moment(4, 0)) == SaveReason::kInterval);
  CHECK(policy.due(moment(10, 0)) == std::nullopt);
  CHECK(policy.due(moment(20, 0)) == SaveReason::kEpoch);
  CHECK(policy.due(moment(3, 999)) == std::nullopt);
  CHECK(policy.due(moment(3, 1000)) == SaveReason::kInterval);
  CHECK(policy.due(moment(3, 1000, true)) == SaveReason::kInterval);
  const SavePolicy off{.every_steps = 0, .every_epochs = 0, .every_ns = 0, .automatic = {}};
  CHECK(off.due(moment(20, INT64_MAX)) == std::nullopt);
  CHECK(policy.steps_until_due(0) == 4);
  CHECK(policy.steps_until_due(3) == 1);
  CHECK(policy.steps_until_due(4) == 4);
  CHECK(off.steps_until_due(20) == UINT64_MAX);
}

TEST_CASE("the best interval is Young's where saves are cheap, and Daly's figures where they are not") {
  CHECK(best_interval(1e-4, 1e6) == doctest::Approx(std::sqrt(2 * 1e-4 * 1e6)).epsilon(1e-5));
  CHECK(best_interval(5, 1440) == doctest::Approx(120 * (1 + 1 / 72.0 + 1 / 5184.0) - 5));
  CHECK(best_interval(60, 120) == doctest::Approx(120 * (1 + 1 / 6.0 + 1 / 36.0) - 60));
}

TEST_CASE("no other interval loses notably less than the best") {
  for (const double cost : {0.001, 0.1, 5.0, 60.0, 600.0}) {
    const double mean_uptime = 7200, best = best_interval(cost, mean_uptime);
    const double lost = lost_part(best, cost, mean_uptime);
    for (double factor = 0.05; factor < 20; factor *= 1.1) {
      CAPTURE(cost);
      CAPTURE(factor);
      CHECK(lost <= lost_part(best * factor, cost, mean_uptime) * 1.001);
    }
  }
}

TEST_CASE("the best interval has its extremes") {
  CHECK(best_interval(100, 50) == 50);  // where a save takes as long as machines last, twice
  CHECK(best_interval(1e9, 1e-3) == 1e-3);
  CHECK(best_interval(1e-9, 1e9) == doctest::Approx(std::sqrt(2.0)));
  CHECK(AutoInterval(1e9).interval_ns() > 0);
  AutoInterval free(7200);
  free.learn(0);
  CHECK(free.interval_ns() == 1);
  AutoInterval dear(1e9);
  dear.learn(INT64_MAX / 8);
  CHECK(dear.interval_ns() > kSecond);
}

TEST_CASE("an automatic interval begins short, then follows what saves cost") {
  AutoInterval automatic(7200);
  CHECK_FALSE(automatic.has_measured());
  CHECK(automatic.interval_ns() == doctest::Approx(12.0 * kSecond).epsilon(0.01));
  automatic.learn(1 * kSecond);
  CHECK(automatic.has_measured());
  CHECK(automatic.cost_seconds() == 1);  // what was assumed is forgotten
  CHECK(automatic.interval_ns() == doctest::Approx(120.3 * kSecond).epsilon(0.001));
  automatic.learn(3 * kSecond);
  CHECK(automatic.cost_seconds() == 2);
  for (int i = 0; i < 40; ++i) automatic.learn(4 * kSecond);  // another disk
  CHECK(automatic.cost_seconds() == doctest::Approx(4).epsilon(0.001));
}

TEST_CASE("the interval grows with the cost of a save and with the uptime of machines") {
  std::int64_t before = 0;
  for (const std::int64_t cost_ns : {1000, 1'000'000, 1'000'000'000}) {
    AutoInterval automatic(7200);
    automatic.learn(cost_ns);
    CHECK(automatic.interval_ns() > before);
    before = automatic.interval_ns();
  }
  before = 0;
  for (const double mean_uptime : {60.0, 7200.0, 1e6}) {
    CHECK(AutoInterval(mean_uptime).interval_ns() > before);
    before = AutoInterval(mean_uptime).interval_ns();
  }
}

TEST_CASE("an automatic save waits for the one before, and other rules do not") {
  SavePolicy policy{.every_steps = 0, .every_epochs = 1, .every_ns = 0, .automatic = AutoInterval(7200)};
  policy.automatic->learn(1 * kSecond);
  const std::int64_t interval = policy.interval_ns();
  CHECK(policy.due(moment(3, interval - 1)) == std::nullopt);
  CHECK(policy.due(moment(3, interval)) == SaveReason::kInterval);
  CHECK(policy.due(moment(3, interval, true)) == std::nullopt);
  CHECK(policy.due(moment(10, 0, true)) == SaveReason::kEpoch);
  policy.every_steps = 3;
  CHECK(policy.due(moment(3, 0, true)) == SaveReason::kInterval);
}
