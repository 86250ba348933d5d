#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "checkpoint/codec.h"

namespace spot {

// Readers refuse another major version; a minor one only appends fields.
constexpr std::uint16_t kFormatMajor = 1;
constexpr std::uint16_t kFormatMinor = 0;

/// The trailer of a payload; its fields are described in schemas/checkpoint.fbs.
std::array<std::byte, kTrailerSize> make_trailer(std::span<const std::byte> payload);

/// Checks a file's trailer against the bytes before it and returns these. Throws kCorrupt or kUnsupported.
std::span<const std::byte> check_trailer(std::span<const std::byte> file, const std::string& origin);

[[noreturn]] void fail_corrupt(const std::string& origin, const std::string& what, std::size_t byte_offset);

}  // namespace spot
