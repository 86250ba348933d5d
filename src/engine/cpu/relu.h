#pragma once

#include "engine/cpu/operator.h"

namespace spot {

/// max(x, 0), in place. When `fused` the operator before has computed the forward pass already.
class ReluOperator final : public Operator {
 public:
  ReluOperator(const LayerSpec& layer, Edge& edge, bool fused) : Operator(layer.name), edge_(edge), fused_(fused) {}

  [[nodiscard]] std::string implementation(std::string_view pass) const override;
  [[nodiscard]] bool takes_rows() const override { return true; }
  void forward(const ShardTask& task, bool training) override;
  void backward_data(const ShardTask& task) override;

 private:
  Edge& edge_;
  bool fused_;
};

}  // namespace spot
