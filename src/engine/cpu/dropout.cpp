#include "engine/cpu/dropout.h"

#include "base/philox.h"
#include "base/simd.h"
#include "engine/dropout.h"

namespace spot {
namespace {

constexpr std::size_t kLanes = 16;

/// Philox blocks first_block … first_block + kLanes - 1 of one dropout stream, four words each, in order.
/// The same rounds as Philox::block(), sixteen counters at a time.
SPOT_SIMD void philox_blocks(std::uint64_t key, const Philox::Block& counter,
                             std::uint64_t first_block, std::uint32_t* words) {
  std::uint32_t c0[kLanes], c1[kLanes], c2[kLanes], c3[kLanes];
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    const std::uint64_t block = first_block + lane;
    c0[lane] = static_cast<std::uint32_t>(block);
    c1[lane] = counter[1] | static_cast<std::uint32_t>(block >> 32);
    c2[lane] = counter[2];
    c3[lane] = counter[3];
  }
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * c0[lane];
      const std::uint64_t p1 = std::uint64_t{0xCD9E8D57U} * c2[lane];
      c0[lane] = static_cast<std::uint32_t>(p1 >> 32) ^ c1[lane] ^ k0;
      c1[lane] = static_cast<std::uint32_t>(p1);
      c2[lane] = static_cast<std::uint32_t>(p0 >> 32) ^ c3[lane] ^ k1;
      c3[lane] = static_cast<std::uint32_t>(p0);
    }
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    words[4 * lane] = c0[lane];
    words[4 * lane + 1] = c1[lane];
    words[4 * lane + 2] = c2[lane];
    words[4 * lane + 3] = c3[lane];
  }
}

/// scales[place] = 0 where the element's word lies below the threshold, else `kept`. The words come channels
/// last, the scales go into blocked layout.
SPOT_SIMD void scales_of_block(const std::uint32_t* words, std::size_t pixels, std::size_t channels,
                               std::size_t width, std::size_t block, std::uint32_t threshold,
                               float kept, float* scales) {
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

DropoutOperator::DropoutOperator(const OperatorContext& context, const LayerSpec& layer,
                                 std::uint32_t layer_index, Edge& edge)
    : Operator(layer.name),
      edge_(edge),
      seed_(context.seed),
      layer_index_(layer_index),
      rate_(layer.rate) {
  const auto elements = static_cast<std::size_t>(edge.shape().size());
  for (int slot = 0; slot < context.slots; ++slot) {
    scales_.emplace_back(edge.shard_size() * edge.sample_size());
    words_.emplace_back(elements + 8 * kLanes);
  }
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
  std::uint32_t* words = words_[static_cast<std::size_t>(task.slot)].data();
  const std::uint64_t first_block = first / 4;
  const std::size_t needed = first % 4 + elements;
  for (std::size_t done = 0; done < needed; done += 4 * kLanes) {
    philox_blocks(seed_, counter, first_block + done / 4, words + done);
  }
  words += first % 4;

  const std::uint32_t threshold = dropout_threshold(rate_);
  const float kept = dropout_scale(rate_);
  for (std::size_t channel = 0; channel < channels; channel += block) {
    const std::size_t width = std::min(block, channels - channel);
    scales_of_block(words + channel, pixels, channels, width, block, threshold, kept,
                    scales + channel * pixels);
  }
}

void DropoutOperator::forward(const ShardTask& task, bool training) {
  if (!training) return;
  float* scales = scales_[static_cast<std::size_t>(task.slot)].data();
  for (std::size_t i = 0; i < task.count; ++i) {
    draw_scales(task, task.first + i, scales + i * edge_.sample_size());
  }
  multiply(edge_.value(task), scales, task.count * edge_.sample_size());
}

void DropoutOperator::backward_data(const ShardTask& task) {
  if (!edge_.has_difference()) return;
  multiply(edge_.difference(task), scales_[static_cast<std::size_t>(task.slot)].data(),
           task.count * edge_.sample_size());
}

}  // namespace spot
