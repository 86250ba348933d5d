#pragma once

#include "engine/cpu/image_frame.h"
#include "engine/cpu/kernels/image_convolution.h"
#include "engine/cpu/operator.h"

namespace spot {

/// The shape of a convolution over the plain image that `frame` frames, without a ReLU; `output` may be a pool's.
kernels::ImageShape image_shape(const LayerSpec& convolution, const ImageFrame& frame, const Edge& output);

/// Weights and bias of a convolution over the network's plain image, in the order that kernels/image_convolution.h and
/// kernels/pooled_image.h want, and their gradients by shard.
class ImageTaps {
 public:
  ImageTaps(const OperatorContext& context, const LayerSpec& convolution, const kernels::ImageShape& shape);

  [[nodiscard]] const float* weights() const { return values_.data(); }  // [channel, row, column][output]
  [[nodiscard]] const float* bias() const { return values_.data() + weights_size_; }
  /// Of the task's shard, in the same order; zero when the shard begins.
  float* gradient(const ShardTask& task);
  float* bias_gradient(const ShardTask& task) { return shard_gradient(task) + weights_size_; }

  /// Brings weights and bias up to date with the state.
  void pack();
  /// Sums the shards' gradients, updates the parameters and packs them; returns the gradients' sum of squares.
  double update(int shards, float learning_rate);

 private:
  float* shard_gradient(const ShardTask& task) {
    return gradients_.data() + static_cast<std::size_t>(task.shard) * values_.size();
  }

  OperatorContext context_;
  const TensorSpec& weight_;
  const TensorSpec& bias_;
  std::size_t taps_, outputs_, weights_size_;
  AlignedBuffer<float> values_;        // weights, then bias
  AlignedBuffer<float> gradients_;     // [shard][values_.size()]
  AlignedBuffer<float> gradient_sum_;  // [values_.size()]
};

}  // namespace spot
