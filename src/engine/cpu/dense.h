#pragma once

#include "engine/cpu/operator.h"
#include "engine/cpu/packed_weight.h"
#include "engine/cpu/primitive.h"

namespace spot {

/// A dense layer, with a following ReLU computed in its forward pass when `relu`. Its weight gradient is not
/// a sum over shards: tiles of input columns are computed over the whole batch, each by one worker that then
/// updates those weights while they are in its cache.
class DenseOperator final : public Operator {
 public:
  DenseOperator(const OperatorContext& context, const LayerSpec& layer, Edge& input, Edge& output, bool relu);

  [[nodiscard]] std::string implementation(std::string_view pass) const override;
  void forward(const ShardTask& task, bool training) override;
  void backward_data(const ShardTask& task) override;
  void add_parameter_tasks(std::vector<ParameterTask>& tasks) override;
  void repack() override { forward_weight_.pack(context_.state->next() + weight_.offset); }
  void repack_shared() override { repack(); }

 private:
  double update_columns(std::int64_t first, std::int64_t count, std::size_t batch, float learning_rate);
  double update_bias(std::size_t batch, float learning_rate);

  OperatorContext context_;
  Edge& input_;
  Edge& output_;
  const TensorSpec& weight_;
  const TensorSpec& bias_;
  std::int64_t inputs_, outputs_;

  Primitive forward_, backward_data_;
  PackedWeight forward_weight_;
};

}  // namespace spot
