#include "engine/cpu/flatten.h"

#include <algorithm>

#include "base/simd.h"

namespace spot {
namespace {

/// plane[channel][pixel] = blocked[pixel][channel] for one block of `width` channels.
SPOT_SIMD void unblock(const float* blocked, std::size_t pixels, std::size_t width, std::size_t block, float* plane) {
  for (std::size_t channel = 0; channel < width; ++channel) {
    for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
      plane[channel * pixels + pixel] = blocked[pixel * block + channel];
    }
  }
}

SPOT_SIMD void reblock(const float* plane, std::size_t pixels, std::size_t width, std::size_t block, float* blocked) {
  for (std::size_t channel = 0; channel < width; ++channel) {
    for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
      blocked[pixel * block + channel] = plane[channel * pixels + pixel];
    }
  }
}

/// Calls `copy` for each block of channels of each sample with the two places that correspond.
template <typename Copy>
void for_each_block(const Edge& images, std::size_t vector_size, std::size_t count, const Copy& copy) {
  const auto channels = static_cast<std::size_t>(images.shape().channels);
  const auto pixels = static_cast<std::size_t>(images.shape().height * images.shape().width);
  const auto block = static_cast<std::size_t>(images.block());
  for (std::size_t sample = 0; sample < count; ++sample) {
    for (std::size_t channel = 0; channel < channels; channel += block) {
      copy(sample * images.sample_size() + channel * pixels, sample * vector_size + channel * pixels, pixels,
           std::min(block, channels - channel), block);
    }
  }
}

}  // namespace

std::string FlattenOperator::implementation(std::string_view pass) const {
  if (pass == "forward") return "transposition of blocks";
  return pass == "backward_data" && input_.has_difference() ? "transposition of blocks" : "";
}

void FlattenOperator::forward(const ShardTask& task, bool /*training*/) {
  const float* images = input_.value(task);
  float* vectors = output_.value(task);
  for_each_block(input_, output_.sample_size(), task.count,
                 [=](std::size_t image, std::size_t vector, std::size_t pixels, std::size_t width, std::size_t block) {
                   unblock(images + image, pixels, width, block, vectors + vector);
                 });
}

void FlattenOperator::backward_data(const ShardTask& task) {
  if (!input_.has_difference()) return;
  float* images = input_.difference(task);
  const float* vectors = output_.difference(task);
  // All rows of the shard: those behind the batch's end carry zeros, and must keep doing so.
  for_each_block(input_, output_.sample_size(), input_.shard_size(),
                 [=](std::size_t image, std::size_t vector, std::size_t pixels, std::size_t width, std::size_t block) {
                   reblock(vectors + vector, pixels, width, block, images + image);
                 });
}

}  // namespace spot
