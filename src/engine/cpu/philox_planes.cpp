#include "engine/cpu/philox_planes.h"

#include "base/simd.h"

namespace spot {
namespace {

// The rounds are unrolled so that the loop over blocks is the innermost one: only then does the compiler turn
// it into vector code.
SPOT_SIMD void fill(std::uint64_t key, const Philox::Block& counter, std::uint64_t first_block, std::size_t count,
                    std::uint32_t* __restrict w0, std::uint32_t* __restrict w1, std::uint32_t* __restrict w2,
                    std::uint32_t* __restrict w3) {
  const std::uint32_t high = counter[1], low_step = counter[2], purpose = counter[3];
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t block = first_block + i;
    auto c0 = static_cast<std::uint32_t>(block);
    std::uint32_t c1 = high | static_cast<std::uint32_t>(block >> 32);
    std::uint32_t c2 = low_step;
    std::uint32_t c3 = purpose;
    auto k0 = static_cast<std::uint32_t>(key);
    auto k1 = static_cast<std::uint32_t>(key >> 32);
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * c0;
      const std::uint64_t p1 = std::uint64_t{0xCD9E8D57U} * c2;
      c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
      c1 = static_cast<std::uint32_t>(p1);
      c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
      c3 = static_cast<std::uint32_t>(p0);
      k0 += 0x9E3779B9U;
      k1 += 0xBB67AE85U;
    }
    w0[i] = c0;
    w1[i] = c1;
    w2[i] = c2;
    w3[i] = c3;
  }
}

}  // namespace

void philox_planes(std::uint64_t key, const Philox::Block& counter, std::uint64_t first_block, std::size_t count,
                   std::uint32_t* const (&planes)[4]) {
  fill(key, counter, first_block, count, planes[0], planes[1], planes[2], planes[3]);
}

}  // namespace spot
