#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace spot {

/// What the bytes begin like, when that is a well-known format which is not read here, and what to do about it:
/// "a zip archive: unpack it"; else empty.
std::string_view foreign_format(std::span<const std::byte> bytes);

}  // namespace spot
