#pragma once

#include <memory>
#include <string>

#include "interrupt/source.h"

namespace spot {

/// For metadata=auto: finds the cloud that this machine runs in, by what the machine's maker wrote into it, or else,
/// and where an endpoint is given, by asking the services of all providers together, and then is that provider's
/// source. While none is found each look asks again. A service that the environment forbids to ask is left out, unless
/// an endpoint is given; null, with the reason in `why`, when it is that of the machine's maker.
std::unique_ptr<Source> make_detecting_source(const PollerOptions& options, const Log& log, std::string& why);

}  // namespace spot
