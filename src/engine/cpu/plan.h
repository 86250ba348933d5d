#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/cpu/operator.h"
#include "engine/cpu/softmax_cross_entropy.h"
#include "engine/engine.h"

namespace spot {

/// One call of an operator for one shard.
struct PlanCall {
  std::string layer;
  std::string pass;
  std::string implementation;
  std::function<void(const ShardTask&)> run;
};

/// What every shard goes through without waiting for the others.
using Segment = std::vector<PlanCall>;

/// A model compiled for one batch size: edges, operators and the order in which they run. A training pass or
/// an evaluation is a list of segments; between two segments all shards meet.
class Plan {
 public:
  /// `workers` threads will run it. Must be made on one of them.
  Plan(const ModelSpec& model, OperatorContext context, std::size_t batch_size, int workers);

  [[nodiscard]] std::size_t shard_size() const { return context_.shard_size; }
  /// Shards that a batch of that size fills, the last one perhaps in part.
  [[nodiscard]] int shards_of(std::size_t batch) const;
  [[nodiscard]] ShardTask task(int shard, int worker, std::size_t batch, std::uint64_t step) const;

  /// Where each shard's images go before the first segment, as [sample][row][column].
  [[nodiscard]] Edge& input() { return *edges_.front(); }
  [[nodiscard]] SoftmaxCrossEntropy& head() { return *head_; }

  /// Up to the loss's differences, and back. The labels are those of the batch in progress.
  [[nodiscard]] const std::vector<Segment>& training() const { return training_; }
  /// Up to the logits; what the head does with them is up to the caller.
  [[nodiscard]] const std::vector<Segment>& inference() const { return inference_; }
  [[nodiscard]] const std::vector<ParameterTask>& parameter_tasks() const { return parameter_tasks_; }
  [[nodiscard]] const std::vector<Operator*>& shared_packs() const { return shared_packs_; }

  /// The labels that training's loss reads.
  void set_labels(const std::uint8_t* labels) { labels_ = labels; }
  /// After the state was written from outside.
  void repack();

 private:
  Edge& add_edge(Shape3 shape, bool image, bool has_difference);
  void add_layers(const ModelSpec& model);
  std::size_t add_layer(const ModelSpec& model, std::size_t index);
  template <typename Kind, typename... Arguments>
  void add(Arguments&&... arguments);
  void schedule_inference();
  void schedule_training();

  OperatorContext context_;
  std::size_t batch_rows_ = 0;
  std::int64_t image_block_ = 1;
  std::vector<std::unique_ptr<Edge>> edges_;
  std::vector<std::unique_ptr<Operator>> operators_;
  std::unique_ptr<SoftmaxCrossEntropy> head_;
  const std::uint8_t* labels_ = nullptr;
  std::vector<Segment> training_, inference_;
  std::vector<ParameterTask> parameter_tasks_;
  std::vector<Operator*> shared_packs_;
};

}  // namespace spot
