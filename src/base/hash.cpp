#include "base/hash.h"

#include <cstring>
#include <xxhash.h>

#include "base/text.h"

namespace spot {

std::uint64_t hash64(const void* bytes, std::size_t size) {
  return XXH3_64bits(bytes, size);
}

std::string Hash128::hex() const {
  return to_hex(bytes, sizeof bytes);
}

struct alignas(64) Hasher::State {
  XXH3_state_t xxh3;
};

Hasher::Hasher() : state_(std::make_unique<State>()) {
  XXH3_128bits_reset(&state_->xxh3);
}
Hasher::~Hasher() = default;

void Hasher::update(const void* bytes, std::size_t size) {
  XXH3_128bits_update(&state_->xxh3, bytes, size);
}

void Hasher::update_u64(std::uint64_t value) {
  unsigned char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<unsigned char>(value >> (8 * i));
  update(bytes, sizeof bytes);
}

void Hasher::update_text(const std::string& text) {
  update_u64(text.size());
  update(text.data(), text.size());
}

Hash128 Hasher::digest() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state_->xxh3));
  Hash128 result;
  std::memcpy(result.bytes, canonical.digest, sizeof result.bytes);
  return result;
}

}  // namespace spot
