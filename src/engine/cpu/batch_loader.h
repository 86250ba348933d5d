#pragma once

#include <cstdint>
#include <vector>

#include "engine/augmentation.h"
#include "engine/cpu/edge.h"
#include "engine/engine.h"

namespace spot {

/// Fetches a batch's images from their set, on the workers, into the network's input.
class BatchLoader {
 public:
  /// For batches of up to `batch_size` samples, `workers` tasks at a time.
  BatchLoader(const Shape3& image, const AugmentationSpec& augmentation, std::uint64_t seed, std::size_t batch_size,
              int workers);

  /// Throws kInternal for a batch that is empty or too large.
  void check(const BatchView& batch) const;
  /// The task's samples as the network sees them, channel by channel; augmented when they are trained on. Fills up a
  /// whole shard with zeros.
  void load(const BatchView& batch, const ShardTask& task, bool training, Edge& input);
  /// Of the samples that were loaded, [sample of the batch].
  [[nodiscard]] const std::uint8_t* labels() const { return labels_.data(); }

 private:
  AugmentationSpec augmentation_;
  std::uint64_t seed_;
  std::vector<std::uint8_t> labels_;
  std::vector<ImageMover> movers_;  // [worker]; none without augmentation
};

}  // namespace spot
