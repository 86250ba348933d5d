#pragma once

#include "engine/cpu/kernels/sparse_dense.h"
#include "engine/cpu/operator.h"

namespace spot {

/// A dense layer of many inputs, with a following ReLU computed in its forward pass when `relu`, by the kernels of
/// kernels/sparse_dense.h. It goes over the whole batch at once: forward a part of the samples a worker, backward
/// tile by tile of the inputs, where each tile's weights are updated while they are in the cache. The weights lie
/// in the state input by input, and the inputs in the order in which the edge has them, so that a flatten layer
/// before it costs nothing.
class SparseDenseOperator final : public Operator {
 public:
  /// `input` is a vector, or an image in whole blocks that the model flattens.
  SparseDenseOperator(const OperatorContext& context, const LayerSpec& layer, Edge& input, Edge& output, bool relu);
  static bool can_compute(const LayerSpec& layer);

  [[nodiscard]] std::string implementation(std::string_view pass) const override;
  [[nodiscard]] int tiles() const override;
  void forward(const ShardTask& task, bool training) override;
  void backward_data(const ShardTask& /*task*/) override {}
  void prepare_backward(const ShardTask& task) override;
  void backward_tile(const ShardTask& task) override;
  void add_stored_orders(std::vector<StoredOrder>& orders) override;
  void add_parameter_tasks(std::vector<ParameterTask>& tasks) override;

 private:
  double update_bias(std::size_t batch, float learning_rate);
  template <typename Visit>
  void for_each_block(const Visit& visit) const;

  OperatorContext context_;
  Edge& input_;
  Edge& output_;
  const TensorSpec& weight_;
  const TensorSpec& bias_;
  std::size_t inputs_, outputs_;
  bool relu_;

  AlignedBuffer<kernels::DenseEntry> by_sample_, by_output_;
  AlignedBuffer<std::uint32_t> sample_counts_, output_counts_;
  std::vector<double> tile_squares_;           // [tile]: of the gradients
  std::vector<AlignedBuffer<float>> scratch_;  // [worker]
};

}  // namespace spot
