#pragma once

#include "engine/cpu/image_frame.h"
#include "engine/cpu/kernels/image_convolution.h"
#include "engine/cpu/operator.h"

namespace spot {

/// A convolution of stride 1 over the network's plain image, with a following ReLU when `relu`, by the kernels of
/// kernels/image_convolution.h. Nothing flows back into the image.
class FirstConvolutionOperator final : public Operator {
 public:
  FirstConvolutionOperator(const OperatorContext& context, const LayerSpec& layer, Edge& input, Edge& output,
                           bool relu);
  static bool can_compute(const LayerSpec& layer);

  [[nodiscard]] std::string implementation(std::string_view pass) const override;
  [[nodiscard]] bool takes_rows() const override { return true; }
  void forward(const ShardTask& task, bool training) override;
  void backward_weights(const ShardTask& task) override;
  void backward_data(const ShardTask& /*task*/) override {}
  void add_parameter_tasks(std::vector<ParameterTask>& tasks) override;
  void repack() override;

 private:
  double update(int shards, float learning_rate);

  OperatorContext context_;
  Edge& input_;
  Edge& output_;
  const TensorSpec& weight_;
  const TensorSpec& bias_;
  ImageFrame frame_;
  kernels::ImageShape shape_;
  std::size_t gradient_size_;          ///< of one shard: weights, then bias
  AlignedBuffer<float> weights_;       // [channel, row, column][output], then bias [output]
  AlignedBuffer<float> gradients_;     // [shard][gradient_size_]
  AlignedBuffer<float> gradient_sum_;  // [gradient_size_]
};

}  // namespace spot
