#include "engine/cpu/batch_loader.h"

#include <algorithm>

#include "base/status.h"
#include "base/text.h"
#include "engine/cpu/image_planes.h"

namespace spot {

BatchLoader::BatchLoader(const Shape3& image, const AugmentationSpec& augmentation, std::uint64_t seed,
                         std::size_t batch_size, int workers)
    : augmentation_(augmentation), seed_(seed), labels_(batch_size) {
  for (int worker = 0; augmentation.any() && worker < workers; ++worker) {
    movers_.emplace_back(static_cast<std::size_t>(image.channels), static_cast<std::size_t>(image.height),
                         static_cast<std::size_t>(image.width));
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
  const std::size_t size = input.sample_size(), pixels = input.pixels();
  float* values = input.value(task);
  for (std::size_t i = 0; i < task.count; ++i) {
    const std::size_t sample = task.first + i;
    const std::size_t index = batch.indices[sample];
    const std::uint8_t* image = batch.images + index * size * size_of(batch.type);
    if (moves) {
      movers_[static_cast<std::size_t>(task.worker)].move(
          image, batch.type, move_of(augmentation_, seed_, task.step, sample), values + i * size);
    } else {
      to_planes(image, batch.type, size / pixels, pixels, values + i * size);
    }
    if (batch.labels != nullptr) labels_[sample] = batch.labels[index];
  }
  if (task.whole) std::fill(values + task.count * size, values + input.shard_size() * size, 0.0F);
}

}  // namespace spot
