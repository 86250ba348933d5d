#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interrupt/provider.h"

namespace spot {

/// The scheduled events of Azure's instance metadata service ("Scheduled Events for Linux VMs" in Microsoft's guide).
extern const Provider kAzure;

/// A document of scheduled events.
struct ScheduledEvents {
  struct Event {
    Sighting sighting;
    std::vector<std::string> machines;  ///< that it concerns
  };
  std::vector<Event> events{};  ///< without those that are over
  bool complete = true;         ///< every event could be read
};

/// The body of scheduledevents; nothing when it is no such document.
std::optional<ScheduledEvents> parse_scheduled_events(std::string_view body);

}  // namespace spot
