#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "interrupt/provider.h"

namespace spot {

/// The EC2 instance metadata service: spot instance action, termination time, rebalance recommendation, scheduled
/// maintenance and the scaling group's target state ("Instance metadata and user data" in the Amazon EC2 user guide).
extern const Provider kAws;

/// The body of spot/instance-action, {"action": …, "time": …}. The action counts, whatever the time is: nothing when
/// there is none.
std::optional<Sighting> parse_instance_action(std::string_view body);
/// The body of spot/termination-time; nothing when it is no time.
std::optional<Sighting> parse_termination_time(std::string_view body);
/// The body of events/recommendations/rebalance, {"noticeTime": …}; nothing when it is no object with that field.
std::optional<Sighting> parse_rebalance(std::string_view body);
/// The body of events/maintenance/scheduled, [{"Code": …, "State": …, "NotBefore": …, "EventId": …}, …], without the
/// events that are over; nothing when it cannot be read.
std::optional<std::vector<Sighting>> parse_maintenance(std::string_view body);

}  // namespace spot
