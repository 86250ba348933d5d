#include "engine/cpu/dropout.h"

#include "engine/dropout.h"

namespace spot {

DropoutOperator::DropoutOperator(const OperatorContext& context, const LayerSpec& layer, std::uint32_t layer_index,
                                 Edge& edge)
    : Operator(layer.name),
      edge_(edge),
      layout_{.channels = static_cast<std::size_t>(edge.shape().channels),
              .pixels = edge.pixels(),
              .block = static_cast<std::size_t>(edge.block())},
      seed_(context.seed),
      layer_index_(layer_index),
      threshold_(dropout_threshold(layer.rate)),
      scale_(dropout_scale(layer.rate)),
      sample_bytes_(kernels::dropout_bytes(layout_.channels * layout_.pixels)) {
  for (int slot = 0; slot < context.slots; ++slot) bits_.emplace_back(edge.shard_size() * sample_bytes_);
}

std::string DropoutOperator::implementation(std::string_view pass) const {
  if (pass == "forward") return "philox, in place";
  return pass == "backward_data" && edge_.has_difference() ? "in place" : "";
}

/// Elements are numbered through the batch, so a sample may begin within a block of four words.
std::uint64_t DropoutOperator::first_element(const ShardTask& task, std::size_t i) const {
  return std::uint64_t{task.first + i} * (layout_.channels * layout_.pixels);
}

void DropoutOperator::forward(const ShardTask& task, bool training) {
  if (!training) return;
  const Philox::Block counter = dropout_counter(layer_index_, task.step, 0);
  for (std::size_t i = 0; i < task.count; ++i) {
    const std::uint64_t first = first_element(task, i);
    const std::size_t blocks = (first % 4 + layout_.channels * layout_.pixels + 3) / 4;
    kernels::draw_dropout(seed_, counter, first / 4, blocks, threshold_, bits(task, i));
    kernels::apply_dropout(layout_, bits(task, i), first % 4, scale_, edge_.value(task) + i * edge_.sample_size());
  }
}

void DropoutOperator::backward_data(const ShardTask& task) {
  if (!edge_.has_difference()) return;
  for (std::size_t i = 0; i < task.count; ++i) {
    kernels::apply_dropout(layout_, bits(task, i), first_element(task, i) % 4, scale_,
                           edge_.difference(task) + i * edge_.sample_size());
  }
}

}  // namespace spot
