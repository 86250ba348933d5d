#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/hash.h"

namespace spot {

// Readers refuse another major version; a minor one only appends fields.
constexpr std::uint16_t kFormatMajor = 1;
constexpr std::uint16_t kFormatMinor = 0;

constexpr std::size_t kTrailerSize = 64;
// No honest writer comes so far; a larger number in a file or name would leave none for the next one.
constexpr std::uint64_t kMaxWriterEpoch = 1'000'000'000'000, kMaxGeneration = 1'000'000'000'000;
/// A file is whole blocks: payload, zeros, trailer. So one that is recycled for the next save keeps its size.
constexpr std::size_t kBlock = 4096;

/// FlatBuffers' offsets are signed 32-bit numbers, and its verifier misbehaves beyond.
constexpr std::size_t kMaxPayload = (std::size_t{1} << 31) - 2;

/// Size of the file with a payload of that size.
constexpr std::size_t file_size_of(std::size_t payload) {
  return (payload + kTrailerSize + kBlock - 1) / kBlock * kBlock;
}

/// What a trailer says; its fields are described in schemas/checkpoint.fbs.
struct Trailer {
  std::uint16_t major = kFormatMajor;
  std::uint16_t minor = kFormatMinor;
  std::uint64_t payload_size = 0;
  std::uint64_t writer_epoch = 0;
  std::uint64_t generation = 0;
  Hash128 payload_hash;
};

std::array<std::byte, kTrailerSize> encode(const Trailer& trailer);

/// Nothing when these are not the bytes of a trailer, or not the ones that were written.
std::optional<Trailer> decode_trailer(std::span<const std::byte, kTrailerSize> bytes);

/// Checks a file's trailer and padding against each other and against the payload, which it returns. Throws
/// kCorrupt, kUnsupported, or kCancelled when `stop` said so.
std::span<const std::byte> check_trailer(std::span<const std::byte> file, const std::string& origin,
                                         const StopCheck& stop = {});

/// The whole file of a payload, for whoever has one in hand.
std::vector<std::byte> seal(std::span<const std::byte> payload, std::uint64_t writer_epoch, std::uint64_t generation);

[[noreturn]] void fail_corrupt(const std::string& origin, const std::string& what, std::size_t byte_offset);

}  // namespace spot
