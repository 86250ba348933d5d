#include "engine/cpu/image_taps.h"

#include <algorithm>

#include "engine/cpu/reduction.h"

namespace spot {

kernels::ImageShape image_shape(const LayerSpec& convolution, const ImageFrame& frame, const Edge& output) {
  return {.channels = static_cast<std::size_t>(convolution.input.channels),
          .rows = frame.rows(),
          .columns = frame.columns(),
          .kernel = static_cast<std::size_t>(convolution.kernel[0]),
          .stride = static_cast<std::size_t>(convolution.stride[0]),
          .block = static_cast<std::size_t>(output.block()),
          .output_channels = static_cast<std::size_t>(output.blocks() * output.block())};
}

ImageTaps::ImageTaps(const OperatorContext& context, const LayerSpec& convolution, const kernels::ImageShape& shape)
    : context_(context),
      weight_(*context.layout->find(convolution.name + ".weight")),
      bias_(*context.layout->find(convolution.name + ".bias")),
      taps_(shape.taps()),
      outputs_(shape.output_channels),
      weights_size_(taps_ * outputs_),
      values_(weights_size_ + outputs_),
      gradients_(static_cast<std::size_t>(context.shards) * values_.size()),
      gradient_sum_(values_.size()) {}

float* ImageTaps::gradient(const ShardTask& task) {
  float* gradient = shard_gradient(task);
  if (task.row == 0) std::fill_n(gradient, values_.size(), 0.0F);
  return gradient;
}

void ImageTaps::pack() {
  const float* state = context_.state->next();
  for (std::size_t output = 0; output < bias_.size; ++output) {
    for (std::size_t tap = 0; tap < taps_; ++tap) {
      values_[tap * outputs_ + output] = state[weight_.offset + output * taps_ + tap];
    }
    values_[weights_size_ + output] = state[bias_.offset + output];
  }
}

double ImageTaps::update(int shards, float learning_rate) {
  sum_parts(gradients_.data(), values_.size(), shards, values_.size(), gradient_sum_.data());
  for (std::size_t output = 0; output < bias_.size; ++output) {
    for (std::size_t tap = 0; tap < taps_; ++tap) {
      context_.gradients[weight_.offset + output * taps_ + tap] = gradient_sum_[tap * outputs_ + output];
    }
    context_.gradients[bias_.offset + output] = gradient_sum_[weights_size_ + output];
  }
  const double squares = context_.update(weight_.offset, weight_.size, learning_rate) +
                         context_.update(bias_.offset, bias_.size, learning_rate);
  pack();
  return squares;
}

}  // namespace spot
