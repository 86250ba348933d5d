#pragma once

#include "engine/cpu/operator.h"

namespace spot {

/// Batch normalisation by channel over the whole batch (Ioffe and Szegedy, "Batch normalization", 2015,
/// algorithms 1 and 2 and the gradients of section 3). Every shard contributes sums in double, which each
/// shard then adds up in the shards' order.
class BatchNormalisationOperator final : public Operator {
 public:
  BatchNormalisationOperator(const OperatorContext& context, const LayerSpec& layer, Edge& input, Edge& output);

  [[nodiscard]] std::string implementation(std::string_view pass) const override;
  [[nodiscard]] bool synchronises() const override { return true; }
  void gather_forward(const ShardTask& task) override;
  void forward(const ShardTask& task, bool training) override;
  void gather_backward(const ShardTask& task) override;
  void backward_data(const ShardTask& task) override;
  void add_parameter_tasks(std::vector<ParameterTask>& tasks) override;

 private:
  /// Two sums a channel; of values and squares, or of differences and their products with the normalised
  /// values.
  struct Sums {
    double first = 0;
    double second = 0;
  };
  struct Moments {
    float mean = 0;
    float inverse_deviation = 0;
  };

  const std::vector<Sums>& total(const std::vector<Sums>& sums, int shards, int slot);
  [[nodiscard]] double values_per_channel(std::size_t batch) const;
  [[nodiscard]] int shards_of(std::size_t batch) const;
  void use_batch_moments(const ShardTask& task);
  void use_running_moments(const ShardTask& task);
  double update(int shards, float learning_rate);

  OperatorContext context_;
  Edge& input_;
  Edge& output_;
  std::size_t channels_;
  double momentum_, epsilon_;
  const TensorSpec& scale_;
  const TensorSpec& shift_;
  const TensorSpec& running_mean_;
  const TensorSpec& running_variance_;
  std::vector<Sums> forward_sums_, backward_sums_;  // [shard][channel]
  std::vector<std::vector<Sums>> totals_;           // [slot][channel]
  std::vector<std::vector<Moments>> moments_;       // likewise
};

}  // namespace spot
