#include "base/hash.h"

#include <new>

#include "base/text.h"
#include "base/xxh3.h"

namespace spot {
namespace {

constexpr std::align_val_t kStateAlignment{64};

const Xxh3& xxh3() {
#if defined(__x86_64__)
  static const Xxh3& chosen = __builtin_cpu_supports("avx2") ? xxh3_avx2() : xxh3_baseline();
  return chosen;
#else
  return xxh3_baseline();
#endif
}

}  // namespace

std::uint64_t hash64(const void* bytes, std::size_t size) {
  return xxh3().hash64(bytes, size);
}

std::string Hash128::hex() const {
  return to_hex(bytes, sizeof bytes);
}

HashState::HashState() : memory_(::operator new(xxh3().state_size, kStateAlignment)) {}
HashState::~HashState() {
  ::operator delete(memory_, kStateAlignment);
}

void Hasher64::reset() {
  xxh3().reset64(state_.get());
}

void Hasher64::update(const void* bytes, std::size_t size) {
  xxh3().update64(state_.get(), bytes, size);
}

std::uint64_t Hasher64::digest() const {
  return xxh3().digest64(state_.get());
}

Hasher::Hasher() {
  xxh3().reset128(state_.get());
}

void Hasher::update(const void* bytes, std::size_t size) {
  xxh3().update128(state_.get(), bytes, size);
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
  Hash128 result;
  xxh3().digest128(state_.get(), result.bytes);
  return result;
}

}  // namespace spot
