#pragma once

#include "engine/cpu/operator.h"

namespace spot {

/// From blocked images to vectors in the order channel, row, column, and back.
class FlattenOperator final : public Operator {
 public:
  FlattenOperator(const LayerSpec& layer, Edge& input, Edge& output)
      : Operator(layer.name), input_(input), output_(output) {}

  [[nodiscard]] std::string implementation(std::string_view pass) const override;
  void forward(const ShardTask& task, bool training) override;
  void backward_data(const ShardTask& task) override;

 private:
  Edge& input_;
  Edge& output_;
};

}  // namespace spot
