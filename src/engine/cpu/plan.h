#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/cpu/fusion.h"
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

/// Calls that run one after the other on each of the tasks that the workers share out.
struct Segment {
  enum class Over : std::uint8_t {
    kShards,  ///< each shard, which need not wait for the others
    kParts,   ///< one range of the batch's samples for each worker
    kTiles,   ///< `tiles` tasks, numbered by the task's `shard`
  };
  Over over = Over::kShards;
  int tiles = 0;
  bool takes_rows = true;  ///< every call takes some rows of a shard as well
  std::vector<PlanCall> calls;
};

/// A model compiled for one batch size: edges, operators and the order in which they run. A training pass or
/// an evaluation is a list of segments; between two segments all shards meet.
class Plan {
 public:
  /// `workers` threads will run it. Must be made on one of them.
  Plan(const ModelSpec& model, OperatorContext context, std::size_t batch_size, Kernels kernels);

  [[nodiscard]] std::size_t shard_size() const { return context_.shard_size; }
  /// Shards that a batch of that size fills, the last one perhaps in part.
  [[nodiscard]] int shards_of(std::size_t batch) const;
  [[nodiscard]] ShardTask task(int shard, int worker, std::size_t batch, std::uint64_t step) const;
  /// Calls visit(task) for the rows of the task that a segment takes at once: so few that what one call leaves
  /// for the next is still in the cache, where all calls permit it.
  template <typename Visit>
  void for_each_part(const Segment& segment, const ShardTask& task, const Visit& visit) const {
    const std::size_t rows = segment.takes_rows ? kRowsAtOnce : shard_size();
    for (std::size_t row = 0; row < task.count; row += rows) {
      ShardTask part = task;
      part.row = row;
      part.first = task.first + row;
      part.count = std::min(rows, task.count - row);
      part.whole = !segment.takes_rows;
      visit(part);
    }
  }

  /// Where each shard's images go before the first segment, as [sample][row][column].
  [[nodiscard]] Edge& input() { return *edges_.front(); }
  [[nodiscard]] SoftmaxCrossEntropy& head() { return *head_; }

  /// The samples of part `part` of `parts` of the whole batch.
  [[nodiscard]] ShardTask part(int part, int parts, int worker, std::size_t batch, std::uint64_t step) const;

  /// Up to the loss's differences, and back. The labels are those of the batch in progress.
  [[nodiscard]] const std::vector<Segment>& training() const { return training_; }
  /// Up to the logits; what the head does with them is up to the caller.
  [[nodiscard]] const std::vector<Segment>& inference() const { return inference_; }
  [[nodiscard]] const std::vector<ParameterTask>& parameter_tasks() const { return parameter_tasks_; }
  [[nodiscard]] const std::vector<Operator*>& shared_packs() const { return shared_packs_; }
  [[nodiscard]] const std::vector<StoredOrder>& stored_orders() const { return stored_orders_; }

  /// The labels that training's loss reads.
  void set_labels(const std::uint8_t* labels) { labels_ = labels; }
  /// After the state was written from outside.
  void repack();

 private:
  static constexpr std::size_t kRowsAtOnce = 4;

  Edge& add_edge(Shape3 shape, bool image, bool has_difference, bool batch_wide = false);
  void add_layers(const ModelSpec& model);
  std::size_t add_layer(const ModelSpec& model, std::size_t index);
  std::size_t add_fused(const ModelSpec& model, std::size_t index);
  template <typename Kind, typename... Arguments>
  void add(Arguments&&... arguments);
  void schedule_inference();
  void schedule_training();
  void schedule_forward(std::vector<Segment>& segments, Operator& op, bool training);
  void schedule_backward(Operator& op);
  Segment& begin_segment(std::vector<Segment>& segments, Segment::Over over, int tiles = 0);
  void add_call(std::vector<Segment>& segments, Operator& op, const char* pass,
                std::function<void(const ShardTask&)> run);

  OperatorContext context_;
  std::size_t batch_rows_ = 0;
  std::int64_t image_block_ = 1;
  std::optional<Fusion> fusion_;  ///< absent: one operator a layer
  std::vector<std::unique_ptr<Edge>> edges_;
  std::vector<std::unique_ptr<Operator>> operators_;
  std::unique_ptr<SoftmaxCrossEntropy> head_;
  const std::uint8_t* labels_ = nullptr;
  std::vector<Segment> training_, inference_;
  std::vector<ParameterTask> parameter_tasks_;
  std::vector<Operator*> shared_packs_;
  std::vector<StoredOrder> stored_orders_;
};

}  // namespace spot
