#include "checkpoint/trailer.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

constexpr char kMagic[] = {'S', 'P', 'C', 'K', 'T', 'A', 'I', 'L'};
constexpr std::size_t kMajorAt = 8, kMinorAt = 10, kLengthAt = 16, kEpochAt = 24, kGenerationAt = 32, kHashAt = 40,
                      kSelfHashAt = 56;

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

Hash128 hash_of(std::span<const std::byte> payload, std::string_view what, const StopCheck& stop) {
  Hasher hasher;
  in_pieces(payload, stop, what, [&](std::span<const std::byte> piece) { hasher.update(piece.data(), piece.size()); });
  return hasher.digest();
}

}  // namespace

void fail_corrupt(const std::string& origin, const std::string& what, std::size_t byte_offset) {
  fail(Status::kCorrupt, cat("'", origin, "' is damaged: ", what),
       {.byte_offset = static_cast<std::int64_t>(byte_offset)});
}

std::array<std::byte, kTrailerSize> encode(const Trailer& trailer) {
  std::array<std::byte, kTrailerSize> bytes{};
  std::memcpy(bytes.data(), kMagic, sizeof kMagic);
  store(bytes.data() + kMajorAt, trailer.major);
  store(bytes.data() + kMinorAt, trailer.minor);
  store(bytes.data() + kLengthAt, trailer.payload_size);
  store(bytes.data() + kEpochAt, trailer.writer_epoch);
  store(bytes.data() + kGenerationAt, trailer.generation);
  std::memcpy(bytes.data() + kHashAt, trailer.payload_hash.bytes, sizeof trailer.payload_hash.bytes);
  store(bytes.data() + kSelfHashAt, hash64(bytes.data(), kSelfHashAt));
  return bytes;
}

std::optional<Trailer> decode_trailer(std::span<const std::byte, kTrailerSize> bytes) {
  if (std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0) return std::nullopt;
  if (load<std::uint64_t>(bytes.data() + kSelfHashAt) != hash64(bytes.data(), kSelfHashAt)) return std::nullopt;
  Trailer trailer{.major = load<std::uint16_t>(bytes.data() + kMajorAt),
                  .minor = load<std::uint16_t>(bytes.data() + kMinorAt),
                  .payload_size = load<std::uint64_t>(bytes.data() + kLengthAt),
                  .writer_epoch = load<std::uint64_t>(bytes.data() + kEpochAt),
                  .generation = load<std::uint64_t>(bytes.data() + kGenerationAt),
                  .payload_hash = {}};
  std::memcpy(trailer.payload_hash.bytes, bytes.data() + kHashAt, sizeof trailer.payload_hash.bytes);
  return trailer;
}

std::span<const std::byte> check_trailer(std::span<const std::byte> file, const std::string& origin,
                                         const StopCheck& stop) {
  if (file.size() < kTrailerSize) {
    fail_corrupt(origin, cat("it has only ", file.size(), " bytes"), file.size());
  }
  const std::size_t trailer_at = file.size() - kTrailerSize;
  const auto bytes = file.last<kTrailerSize>();
  const auto trailer = decode_trailer(bytes);
  if (!trailer && std::memcmp(bytes.data(), kMagic, sizeof kMagic) == 0) {
    fail_corrupt(origin, "its trailer does not match the trailer's own hash", trailer_at);
  }
  if (!trailer) {
    fail_corrupt(origin, "it does not end as a file of ours does (cut off, or none at all)", trailer_at);
  }
  if (trailer->major != kFormatMajor) {
    fail(Status::kUnsupported,
         cat("'", origin, "' has format version ", trailer->major, ".", trailer->minor, "; this library reads version ",
             kFormatMajor, ": use the release that wrote it, or a newer one"));
  }
  if (trailer->writer_epoch > kMaxWriterEpoch || trailer->generation > kMaxGeneration) {
    fail_corrupt(origin, "its writer epoch or generation is impossible", trailer_at + kEpochAt);
  }
  if (trailer->payload_size > trailer_at || file_size_of(trailer->payload_size) != file.size()) {
    fail_corrupt(
        origin, cat("its trailer announces a payload of ", trailer->payload_size, " bytes, the file has ", file.size()),
        trailer_at + kLengthAt);
  }
  const std::span<const std::byte> payload = file.first(trailer->payload_size);
  const std::span<const std::byte> padding = file.subspan(payload.size(), trailer_at - payload.size());
  const auto stray = std::find_if(padding.begin(), padding.end(), [](std::byte b) { return b != std::byte{0}; });
  if (stray != padding.end()) {
    fail_corrupt(origin, "its padding is not zero", payload.size() + static_cast<std::size_t>(stray - padding.begin()));
  }
  if (trailer->payload_hash != hash_of(payload, cat("verifying '", origin, "'"), stop))
    fail_corrupt(origin, "its content does not match its hash", 0);
  return payload;
}

std::vector<std::byte> seal(std::span<const std::byte> payload, std::uint64_t writer_epoch, std::uint64_t generation) {
  std::vector<std::byte> file(file_size_of(payload.size()));
  std::copy(payload.begin(), payload.end(), file.begin());
  const auto trailer = encode(Trailer{.payload_size = payload.size(),
                                      .writer_epoch = writer_epoch,
                                      .generation = generation,
                                      .payload_hash = hash_of(payload, {}, {})});
  std::copy(trailer.begin(), trailer.end(), file.end() - kTrailerSize);
  return file;
}

}  // namespace spot
