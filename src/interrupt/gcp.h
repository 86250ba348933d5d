#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "interrupt/provider.h"

namespace spot {

/// The metadata server of Compute Engine: preemption, which each look waits for, and host maintenance ("Spot VMs" and
/// "Query the metadata server" in Google's guide).
extern const Provider kGcp;

/// The body of instance/preempted; nothing when it is neither TRUE nor FALSE. `notice` is what the machine was granted.
std::optional<std::vector<Sighting>> parse_preempted(std::string_view body, std::chrono::nanoseconds notice);
/// The body of instance/maintenance-event; nothing when it is none of those in the guide.
std::optional<std::vector<Sighting>> parse_maintenance_event(std::string_view body);

}  // namespace spot
