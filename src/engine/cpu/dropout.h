#pragma once

#include "engine/cpu/operator.h"

namespace spot {

/// Dropout in place, by the masks that src/engine/dropout.h defines for every engine.
class DropoutOperator final : public Operator {
 public:
  /// `layer_index` is the layer's place in ModelSpec::layers.
  DropoutOperator(const OperatorContext& context, const LayerSpec& layer, std::uint32_t layer_index, Edge& edge);

  [[nodiscard]] std::string implementation(std::string_view pass) const override;
  [[nodiscard]] bool takes_rows() const override { return true; }
  void forward(const ShardTask& task, bool training) override;
  void backward_data(const ShardTask& task) override;

 private:
  void draw_scales(const ShardTask& task, std::size_t sample, float* scales);
  float* scales_of(const ShardTask& task) {
    return scales_[static_cast<std::size_t>(task.slot)].data() + task.row * edge_.sample_size();
  }

  Edge& edge_;
  std::uint64_t seed_;
  std::uint32_t layer_index_;
  double rate_;
  /// What each element was multiplied by, 0 or 1 / (1 - rate), in the edge's layout, a buffer a slot.
  std::vector<AlignedBuffer<float>> scales_;
  /// Random words of one sample, channels last, and behind them the planes they are made from; by worker.
  std::vector<AlignedBuffer<std::uint32_t>> words_;
};

}  // namespace spot
