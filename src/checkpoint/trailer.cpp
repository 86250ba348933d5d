#include "checkpoint/trailer.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

constexpr char kMagic[] = {'S', 'P', 'C', 'K', 'T', 'A', 'I', 'L'};
constexpr std::size_t kMajorAt = 8, kMinorAt = 10, kLengthAt = 16, kHashAt = 24, kSelfHashAt = 40;

template <typename Integer>
void store(std::byte* bytes, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i) bytes[i] = static_cast<std::byte>(value >> (8 * i));
}

template <typename Integer>
Integer load(const std::byte* bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    value |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
  }
  return static_cast<Integer>(value);
}

Hash128 hash_of(std::span<const std::byte> payload) {
  Hasher hasher;
  hasher.update(payload.data(), payload.size());
  return hasher.digest();
}

}  // namespace

void fail_corrupt(const std::string& origin, const std::string& what, std::size_t byte_offset) {
  fail(Status::kCorrupt, cat("checkpoint '", origin, "' is damaged: ", what),
       {.byte_offset = static_cast<std::int64_t>(byte_offset)});
}

std::array<std::byte, kTrailerSize> make_trailer(std::span<const std::byte> payload) {
  std::array<std::byte, kTrailerSize> trailer{};
  std::memcpy(trailer.data(), kMagic, sizeof kMagic);
  store(trailer.data() + kMajorAt, kFormatMajor);
  store(trailer.data() + kMinorAt, kFormatMinor);
  store(trailer.data() + kLengthAt, static_cast<std::uint64_t>(payload.size()));
  const Hash128 hash = hash_of(payload);
  std::memcpy(trailer.data() + kHashAt, hash.bytes, sizeof hash.bytes);
  store(trailer.data() + kSelfHashAt, hash64(trailer.data(), kSelfHashAt));
  return trailer;
}

std::span<const std::byte> check_trailer(std::span<const std::byte> file, const std::string& origin) {
  if (file.size() < kTrailerSize) {
    fail_corrupt(origin, cat("it has only ", file.size(), " bytes"), file.size());
  }
  const std::size_t trailer_at = file.size() - kTrailerSize;
  const std::byte* trailer = file.data() + trailer_at;
  if (std::memcmp(trailer, kMagic, sizeof kMagic) != 0) {
    fail_corrupt(origin, "it does not end as a checkpoint does (cut off, or no checkpoint at all)", trailer_at);
  }
  if (load<std::uint64_t>(trailer + kSelfHashAt) != hash64(trailer, kSelfHashAt)) {
    fail_corrupt(origin, "its trailer does not match the trailer's own hash", trailer_at);
  }
  const auto major = load<std::uint16_t>(trailer + kMajorAt);
  if (major != kFormatMajor) {
    fail(Status::kUnsupported,
         cat("checkpoint '", origin, "' has format version ", major, ".", load<std::uint16_t>(trailer + kMinorAt),
             "; this library reads version ", kFormatMajor, ": use the release that wrote it, or a newer one"));
  }
  const std::span<const std::byte> payload = file.first(trailer_at);
  if (load<std::uint64_t>(trailer + kLengthAt) != payload.size()) {
    fail_corrupt(origin,
                 cat("its trailer announces ", load<std::uint64_t>(trailer + kLengthAt), " bytes before it, there are ",
                     payload.size()),
                 trailer_at + kLengthAt);
  }
  if (std::memcmp(trailer + kHashAt, hash_of(payload).bytes, sizeof(Hash128::bytes)) != 0) {
    fail_corrupt(origin, "its content does not match its hash", 0);
  }
  return payload;
}

}  // namespace spot
