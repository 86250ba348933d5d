#pragma once

#include <optional>

#include "engine/cpu/operator.h"
#include "engine/cpu/packed_weight.h"
#include "engine/cpu/plain_input_gradient.h"
#include "engine/cpu/primitive.h"

namespace spot {

/// conv2d on oneDNN's direct algorithm, with a following ReLU computed in its forward pass when `relu`. The
/// backward pass expects that the ReLU's mask has been applied to the output's difference. Weight gradients
/// are computed shard by shard and summed in the shards' order. Input channels that do not fill a block are
/// shown to oneDNN as whole blocks, with zeros for weights: for fewer of them than a block it has only its
/// reference code.
class ConvolutionOperator final : public Operator {
 public:
  ConvolutionOperator(const OperatorContext& context, const LayerSpec& layer, Edge& input, Edge& output, bool relu);

  [[nodiscard]] std::string implementation(std::string_view pass) const override;
  void forward(const ShardTask& task, bool training) override;
  void backward_weights(const ShardTask& task) override;
  void backward_data(const ShardTask& task) override;
  void add_parameter_tasks(std::vector<ParameterTask>& tasks) override;
  void repack() override;

 private:
  void make_forward(bool relu);
  void make_backward_weights(const LayerSpec& layer);
  void make_backward_data();
  /// visit(row, its canonical size, its begin in whole_weights_, its size there) for each output channel.
  template <typename Visit>
  void for_each_row(Visit visit);
  /// The weights as weight_desc_ describes them.
  float* whole_blocks_weight();
  double update(int shards, float learning_rate);

  OperatorContext context_;
  Edge& input_;
  Edge& output_;
  const TensorSpec& weight_;
  const TensorSpec& bias_;
  onednn::Window window_;
  onednn::Dims weight_dims_;  ///< OIHW, with whole blocks of input channels
  onednn::Desc weight_desc_;
  AlignedBuffer<float> whole_weights_;  ///< in this layout; empty where it is the canonical one

  dnnl::convolution_forward::primitive_desc forward_desc_;
  Primitive forward_, backward_data_, backward_weights_;
  PackedWeight forward_weight_, backward_weight_;
  std::optional<PlainInputGradient> plain_input_gradient_;  ///< instead of backward_weights_

  onednn::Desc gradient_desc_;  ///< the layout in which backward_weights_ leaves its result
  std::size_t gradient_size_ = 0;
  AlignedBuffer<float> shard_weight_gradients_;  // [shard][gradient_size_]
  AlignedBuffer<float> shard_bias_gradients_;    // [shard][outputs]
  AlignedBuffer<float> gradient_sum_;
  Reorder unpack_gradient_;
};

}  // namespace spot
