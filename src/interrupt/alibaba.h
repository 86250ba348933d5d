#pragma once

#include <optional>
#include <string_view>

#include "interrupt/provider.h"

namespace spot {

/// The metadata service of Alibaba Cloud's ECS: when a preemptible instance will be released.
extern const Provider kAlibaba;

/// The body of instance/spot/termination-time; nothing when it is no time.
std::optional<Sighting> parse_alibaba_termination_time(std::string_view body);

}  // namespace spot
