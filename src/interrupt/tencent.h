#pragma once

#include <optional>
#include <string_view>

#include "interrupt/provider.h"

namespace spot {

/// The metadata service of Tencent Cloud's CVM: when a spot instance will be taken back.
extern const Provider kTencent;

/// The body of spot/termination-time; nothing when it is no time.
std::optional<Sighting> parse_tencent_termination_time(std::string_view body);

}  // namespace spot
