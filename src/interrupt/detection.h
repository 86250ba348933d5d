#pragma once

#include <memory>
#include <string>

#include "interrupt/source.h"

namespace spot {

/// For metadata=auto: finds the cloud that this machine runs in, by what the machine's maker wrote into it, or else
/// by asking each provider's service, and then is that provider's source. While none is found each look asks again.
/// Null when the environment forbids all of them, and `why` says so.
std::unique_ptr<Source> make_detecting_source(const PollerOptions& options, const Log& log, std::string& why);

}  // namespace spot
