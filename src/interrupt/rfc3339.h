#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace spot {

/// Nanoseconds since 1970 of a time as RFC 3339 writes it: "2026-01-31T12:00:00Z", "2026-01-31t12:00:00.25-05:30",
/// "2026-01-31 12:00:00+00:00". Nothing when the text is none, or lies before 1970 or after 2200.
std::optional<std::int64_t> parse_rfc3339(std::string_view text);

}  // namespace spot
