#pragma once

#include <cstddef>
#include <cstdint>

namespace spot {

/// XXH3 compiled for one instruction set. All of them give the same values; the states are interchangeable.
struct Xxh3 {
  std::uint64_t (*hash64)(const void* bytes, std::size_t size);
  std::size_t state_size;  ///< of either stream, 64-byte aligned
  void (*reset64)(void* state);
  void (*update64)(void* state, const void* bytes, std::size_t size);
  std::uint64_t (*digest64)(const void* state);
  void (*reset128)(void* state);
  void (*update128)(void* state, const void* bytes, std::size_t size);
  void (*digest128)(const void* state, unsigned char canonical[16]);
};

const Xxh3& xxh3_baseline();
/// Three times as fast. Only for machines with AVX2.
const Xxh3& xxh3_avx2();

}  // namespace spot
