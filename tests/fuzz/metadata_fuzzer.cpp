#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "interrupt/alibaba.h"
#include "interrupt/aws.h"
#include "interrupt/azure.h"
#include "interrupt/gcp.h"
#include "interrupt/rfc3339.h"
#include "interrupt/tencent.h"

namespace {

/// A notice carries a time that can be, and its words are fit to be printed.
void check(const std::optional<spot::Sighting>& sighting) {
  if (!sighting) return;
  // The last second of 2200, a day behind UTC.
  constexpr std::int64_t kLast = (7'289'654'400LL + 86'400) * 1'000'000'000;
  if (sighting->stated_ns && (*sighting->stated_ns < 0 || *sighting->stated_ns > kLast)) __builtin_trap();
  for (const char c : sighting->detail) {
    if (static_cast<unsigned char>(c) < 0x20) __builtin_trap();
  }
}

void check(const std::optional<std::vector<spot::Sighting>>& sightings) {
  if (!sightings) return;
  for (const spot::Sighting& sighting : *sightings) check(sighting);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  check(spot::parse_instance_action(body));
  check(spot::parse_termination_time(body));
  check(spot::parse_rebalance(body));
  check(spot::parse_maintenance(body));
  check(spot::parse_preempted(body, {}));
  check(spot::parse_maintenance_event(body));
  check(spot::parse_alibaba_termination_time(body));
  check(spot::parse_tencent_termination_time(body));
  if (const auto document = spot::parse_scheduled_events(body)) {
    for (const auto& event : document->events) check(event.sighting);
  }
  spot::parse_rfc3339(body);
  return 0;
}
