#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/cancel.h"

namespace spot {

/// SHA-256 (FIPS 180-4) of the bytes, as 64 lower-case hexadecimal digits. Throws kCancelled when `stop` said so.
std::string sha256_hex(std::span<const std::byte> bytes, const StopCheck& stop = {});

}  // namespace spot
