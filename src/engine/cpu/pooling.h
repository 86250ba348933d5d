#pragma once

#include "engine/cpu/operator.h"
#include "engine/cpu/primitive.h"

namespace spot {

/// Max and average pooling. The average is taken over the cells inside the image.
class PoolingOperator final : public Operator {
 public:
  PoolingOperator(const OperatorContext& context, const LayerSpec& layer, Edge& input, Edge& output);

  [[nodiscard]] std::string implementation(std::string_view pass) const override;
  void forward(const ShardTask& task, bool training) override;
  void backward_data(const ShardTask& task) override;

 private:
  Edge& input_;
  Edge& output_;
  Primitive train_, infer_, backward_;
  /// Which cell of each window was the largest, a buffer a slot; empty for averages.
  std::vector<AlignedBuffer<unsigned char>> workspaces_;
};

}  // namespace spot
