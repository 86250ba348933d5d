// Included once in each source file that compiles XXH3 for an instruction set: XXH_INLINE_ALL (a flag of this
// room) makes its code private to that file.
#include <cstring>
#include <xxhash.h>

#include "base/xxh3.h"

namespace spot {
namespace {

constexpr Xxh3 kXxh3 = {
    [](const void* bytes, std::size_t size) -> std::uint64_t { return XXH3_64bits(bytes, size); },
    sizeof(XXH3_state_t),
    [](void* state) { XXH3_64bits_reset(static_cast<XXH3_state_t*>(state)); },
    [](void* state, const void* bytes, std::size_t size) {
      XXH3_64bits_update(static_cast<XXH3_state_t*>(state), bytes, size);
    },
    [](const void* state) -> std::uint64_t { return XXH3_64bits_digest(static_cast<const XXH3_state_t*>(state)); },
    [](void* state) { XXH3_128bits_reset(static_cast<XXH3_state_t*>(state)); },
    [](void* state, const void* bytes, std::size_t size) {
      XXH3_128bits_update(static_cast<XXH3_state_t*>(state), bytes, size);
    },
    [](const void* state, unsigned char* canonical) {
      XXH128_canonical_t value;
      XXH128_canonicalFromHash(&value, XXH3_128bits_digest(static_cast<const XXH3_state_t*>(state)));
      std::memcpy(canonical, value.digest, sizeof value.digest);
    },
};

}  // namespace
}  // namespace spot
