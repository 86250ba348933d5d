#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "interrupt/source.h"

namespace spot {

/// The EC2 instance metadata service: spot instance action, termination time, rebalance recommendation and the
/// scaling group's target state ("Instance metadata and user data" in the Amazon EC2 user guide). `allow_v1`
/// goes on without a session token where the service knows none.
std::unique_ptr<Source> make_aws_source(std::string endpoint, bool allow_v1);

/// The base URL that the environment asks for as it does of the AWS SDKs, or the provider's own.
std::string aws_endpoint_from_environment();
/// AWS_EC2_METADATA_DISABLED is "true".
bool aws_disabled_by_environment();

/// The body of spot/instance-action, {"action": …, "time": …}; nothing when it is not one.
std::optional<Sighting> parse_instance_action(std::string_view body);
/// The body of spot/termination-time; nothing when it is no time.
std::optional<Sighting> parse_termination_time(std::string_view body);
/// The body of events/recommendations/rebalance, {"noticeTime": …}; nothing when it is not one.
std::optional<Sighting> parse_rebalance(std::string_view body);

/// Nanoseconds since 1970 of "2026-01-31T12:00:00Z" (RFC 3339 in UTC, fractions allowed), or nothing.
std::optional<std::int64_t> parse_utc_time(std::string_view text);

}  // namespace spot
