#include "data/sampler.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/philox.h"

namespace spot {

Sampler::Sampler(std::uint32_t sample_count, std::uint32_t batch_size, std::uint64_t seed)
    : batch_size_(batch_size),
      seed_(seed),
      steps_per_epoch_((std::uint64_t{sample_count} + batch_size - 1) / batch_size),
      order_(sample_count) {}

std::span<const std::uint32_t> Sampler::batch(std::uint64_t step) {
  if (epoch_of(step) != epoch_) shuffle(epoch_of(step));
  const std::size_t first = step % steps_per_epoch_ * batch_size_;
  return std::span(order_).subspan(first, std::min<std::size_t>(batch_size_, order_.size() - first));
}

/// Fisher and Yates's shuffle, from the last place to the first.
void Sampler::shuffle(std::uint64_t epoch) {
  RandomStream stream(seed_, RandomPurpose::kPermutation, static_cast<std::uint32_t>(epoch),
                      static_cast<std::uint32_t>(epoch >> 32));
  std::iota(order_.begin(), order_.end(), 0U);
  for (auto i = static_cast<std::uint32_t>(order_.size()); i > 1; --i) {
    std::swap(order_[i - 1], order_[stream.next_below(i)]);
  }
  epoch_ = epoch;
}

}  // namespace spot
