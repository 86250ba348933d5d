#pragma once

#include <array>
#include <cstdint>

namespace spot {

/// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers:
/// as easy as 1, 2, 3" (SC 2011): four random words as a pure function of a 64-bit key and a 128-bit
/// counter. Nothing is ever stored: a run's randomness is its seed and the counters it uses.
struct Philox {
  using Block = std::array<std::uint32_t, 4>;

  static constexpr Block block(std::uint64_t key, Block counter) {
    auto k0 = static_cast<std::uint32_t>(key);
    auto k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * counter[0];
      const std::uint64_t p1 = std::uint64_t{0xCD9E8D57U} * counter[2];
      counter = {static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<std::uint32_t>(p1),
                 static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<std::uint32_t>(p0)};
      k0 += 0x9E3779B9U;
      k1 += 0xBB67AE85U;
    }
    return counter;
  }
};

/// What a random number is for. The purpose is the last word of every counter, so that two uses of one
/// seed never meet.
enum class RandomPurpose : std::uint32_t {
  kPermutation = 1,
  kInitialisation = 2,
  kDropout = 3,
  kSyntheticData = 4,
  kBackOff = 5,
  kAugmentation = 6,
};

/// A sequence of random numbers: words 0, 1, 2 … of stream (seed, purpose, a, b).
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, RandomPurpose purpose, std::uint32_t a = 0, std::uint32_t b = 0)
      : seed_(seed), a_(a), b_(b), purpose_(purpose) {}

  std::uint32_t next_u32() {
    if (used_ == 4) {
      block_ = Philox::block(seed_, {index_++, a_, b_, static_cast<std::uint32_t>(purpose_)});
      used_ = 0;
    }
    return block_[used_++];
  }

  /// Uniform in [0, bound), without bias (Lemire, "Fast random integer generation in an interval", 2019).
  std::uint32_t next_below(std::uint32_t bound) {
    std::uint64_t product = std::uint64_t{next_u32()} * bound;
    if (static_cast<std::uint32_t>(product) < bound) {
      const std::uint32_t threshold = -bound % bound;
      while (static_cast<std::uint32_t>(product) < threshold) {
        product = std::uint64_t{next_u32()} * bound;
      }
    }
    return static_cast<std::uint32_t>(product >> 32);
  }

  /// Uniform in [0, 1), a multiple of 2^-24, exact in float.
  float next_uniform() { return static_cast<float>(next_u32() >> 8) * 0x1p-24F; }

 private:
  std::uint64_t seed_;
  std::uint32_t a_, b_;
  RandomPurpose purpose_;
  std::uint32_t index_ = 0;
  std::uint32_t used_ = 4;
  Philox::Block block_{};
};

}  // namespace spot
