#pragma once

#include "engine/cpu/kernels/dropout_bits.h"
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
  [[nodiscard]] std::uint64_t first_element(const ShardTask& task, std::size_t i) const;
  std::uint8_t* bits(const ShardTask& task, std::size_t i) {
    return bits_[static_cast<std::size_t>(task.slot)].data() + (task.row + i) * sample_bytes_;
  }

  Edge& edge_;
  kernels::DropoutLayout layout_;
  std::uint64_t seed_;
  std::uint32_t layer_index_;
  std::uint32_t threshold_;
  float scale_;
  std::size_t sample_bytes_;
  /// Which elements are kept, [slot][row]: one bit each, channels last.
  std::vector<AlignedBuffer<std::uint8_t>> bits_;
};

}  // namespace spot
