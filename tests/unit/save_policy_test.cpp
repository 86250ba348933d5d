#include "session/save_policy.h"

#include <doctest/doctest.h>

using namespace spot;

TEST_CASE("a save is due by epochs, by steps and by time, and by none of them when all are off") {
  const SavePolicy policy{.every_steps = 4, .every_epochs = 2, .every_ns = 1000};
  CHECK(policy.due(3, 10, 0) == std::nullopt);
  CHECK(policy.due(4, 10, 0) == SaveReason::kInterval);
  CHECK(policy.due(10, 10, 0) == std::nullopt);
  CHECK(policy.due(20, 10, 0) == SaveReason::kEpoch);
  CHECK(policy.due(3, 10, 999) == std::nullopt);
  CHECK(policy.due(3, 10, 1000) == SaveReason::kInterval);
  CHECK(SavePolicy{0, 0, 0}.due(20, 10, INT64_MAX) == std::nullopt);
  CHECK(policy.steps_until_due(0) == 4);
  CHECK(policy.steps_until_due(3) == 1);
  CHECK(policy.steps_until_due(4) == 4);
  CHECK(SavePolicy{0, 0, 0}.steps_until_due(20) == UINT64_MAX);
}
