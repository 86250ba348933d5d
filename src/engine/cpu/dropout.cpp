#include "engine/cpu/dropout.h"

#include <algorithm>

#include "base/simd.h"
#include "engine/cpu/philox_planes.h"
#include "engine/dropout.h"

namespace spot {
namespace {

/// words[4 i + p] = planes[p][i].
SPOT_SIMD void interleave(const std::uint32_t* const (&planes)[4], std::size_t blocks, std::uint32_t* words) {
  for (std::size_t i = 0; i < blocks; ++i) {
    for (std::size_t plane = 0; plane < 4; ++plane) words[4 * i + plane] = planes[plane][i];
  }
}

/// scales[place] = 0 where the element's word lies below the threshold, else `kept`. The words come channels
/// last, the scales go into blocked layout.
SPOT_SIMD void scales_of_block(const std::uint32_t* words, std::size_t pixels, std::size_t channels, std::size_t width,
                               std::size_t block, std::uint32_t threshold, float kept, float* scales) {
  for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
    for (std::size_t i = 0; i < width; ++i) {
      scales[pixel * block + i] = words[pixel * channels + i] < threshold ? 0.0F : kept;
    }
  }
}

SPOT_SIMD void multiply(float* values, const float* scales, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) values[i] *= scales[i];
}

}  // namespace

DropoutOperator::DropoutOperator(const OperatorContext& context, const LayerSpec& layer, std::uint32_t layer_index,
                                 Edge& edge)
    : Operator(layer.name), edge_(edge), seed_(context.seed), layer_index_(layer_index), rate_(layer.rate) {
  const auto elements = static_cast<std::size_t>(edge.shape().size());
  for (int slot = 0; slot < context.slots; ++slot) {
    scales_.emplace_back(edge.shard_size() * edge.sample_size());
  }
  for (int worker = 0; worker < context.workers; ++worker) words_.emplace_back(2 * (elements + 8));
}

std::string DropoutOperator::implementation(std::string_view pass) const {
  if (pass == "forward") return "philox, in place";
  return pass == "backward_data" && edge_.has_difference() ? "in place" : "";
}

void DropoutOperator::draw_scales(const ShardTask& task, std::size_t sample, float* scales) {
  const auto channels = static_cast<std::size_t>(edge_.shape().channels);
  const auto pixels = static_cast<std::size_t>(edge_.shape().height * edge_.shape().width);
  const auto block = static_cast<std::size_t>(edge_.block());
  const std::size_t elements = channels * pixels;

  // Elements are numbered through the batch, so a sample may begin within a block of four words.
  const std::uint64_t first = std::uint64_t{sample} * elements;
  const Philox::Block counter = dropout_counter(layer_index_, task.step, 0);
  const std::size_t blocks = (first % 4 + elements + 3) / 4;
  auto& buffer = words_[static_cast<std::size_t>(task.worker)];
  std::uint32_t* words = buffer.data();
  std::uint32_t* const plane = words + buffer.size() / 2;
  std::uint32_t* const planes[4] = {plane, plane + blocks, plane + 2 * blocks, plane + 3 * blocks};
  philox_planes(seed_, counter, first / 4, blocks, planes);
  interleave({planes[0], planes[1], planes[2], planes[3]}, blocks, words);
  words += first % 4;

  const std::uint32_t threshold = dropout_threshold(rate_);
  const float kept = dropout_scale(rate_);
  for (std::size_t channel = 0; channel < channels; channel += block) {
    const std::size_t width = std::min(block, channels - channel);
    scales_of_block(words + channel, pixels, channels, width, block, threshold, kept, scales + channel * pixels);
  }
}

void DropoutOperator::forward(const ShardTask& task, bool training) {
  if (!training) return;
  float* scales = scales_of(task);
  for (std::size_t i = 0; i < task.count; ++i) {
    draw_scales(task, task.first + i, scales + i * edge_.sample_size());
  }
  multiply(edge_.value(task), scales, task.count * edge_.sample_size());
}

void DropoutOperator::backward_data(const ShardTask& task) {
  if (!edge_.has_difference()) return;
  multiply(edge_.difference(task), scales_of(task), task.count * edge_.sample_size());
}

}  // namespace spot
