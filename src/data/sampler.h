#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace spot {

/// Which samples each step trains on. Every epoch visits all samples once, in an order that is a function of
/// (seed, epoch); the last batch of an epoch may be smaller. The position of a run is its step number alone.
class Sampler {
 public:
  Sampler(std::uint32_t sample_count, std::uint32_t batch_size, std::uint64_t seed);

  [[nodiscard]] std::uint64_t steps_per_epoch() const { return steps_per_epoch_; }
  [[nodiscard]] std::uint64_t epoch_of(std::uint64_t step) const { return step / steps_per_epoch_; }

  /// The samples of step `step` (0 is the first of the run); valid until a step of another epoch is asked
  /// for.
  std::span<const std::uint32_t> batch(std::uint64_t step);

 private:
  void shuffle(std::uint64_t epoch);

  std::uint32_t batch_size_;
  std::uint64_t seed_;
  std::uint64_t steps_per_epoch_;
  std::uint64_t epoch_ = UINT64_MAX;
  std::vector<std::uint32_t> order_;
};

}  // namespace spot
