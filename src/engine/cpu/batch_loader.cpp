#include "engine/cpu/batch_loader.h"

#include <algorithm>

#include "base/simd.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

SPOT_SIMD void scale_pixels(const std::uint8_t* pixels, std::size_t size, float* values) {
  for (std::size_t i = 0; i < size; ++i) values[i] = static_cast<float>(pixels[i]) / 255.0F;
}

}  // namespace

BatchLoader::BatchLoader(const Shape3& image, const AugmentationSpec& augmentation, std::uint64_t seed,
                         std::size_t batch_size, int workers)
    : augmentation_(augmentation), seed_(seed), labels_(batch_size) {
  for (int worker = 0; augmentation.any() && worker < workers; ++worker) {
    movers_.emplace_back(static_cast<std::size_t>(image.height), static_cast<std::size_t>(image.width));
  }
}

void BatchLoader::check(const BatchView& batch) const {
  if (batch.indices.empty() || batch.indices.size() > labels_.size()) {
    fail(Status::kInternal,
         cat("a batch of ", batch.indices.size(), " samples; 1 to ", labels_.size(), " are possible"));
  }
}

void BatchLoader::load(const BatchView& batch, const ShardTask& task, bool training, Edge& input) {
  const bool moves = training && augmentation_.any();
  const std::size_t size = input.sample_size();
  float* values = input.value(task);
  for (std::size_t i = 0; i < task.count; ++i) {
    const std::size_t sample = task.first + i;
    const std::size_t index = batch.indices[sample];
    const std::uint8_t* pixels = batch.images + index * size;
    if (moves) {
      const ImageMove move = move_of(augmentation_, seed_, task.step, sample);
      for (std::size_t plane = 0; plane < size; plane += input.pixels()) {
        movers_[static_cast<std::size_t>(task.worker)].move(pixels + plane, move, values + i * size + plane);
      }
    } else {
      scale_pixels(pixels, size, values + i * size);
    }
    if (batch.labels != nullptr) labels_[sample] = batch.labels[index];
  }
  if (task.whole) std::fill(values + task.count * size, values + input.shard_size() * size, 0.0F);
}

}  // namespace spot
