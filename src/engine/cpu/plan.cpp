#include "engine/cpu/plan.h"

#include <algorithm>

#include "base/status.h"
#include "base/text.h"
#include "engine/cpu/batch_normalisation.h"
#include "engine/cpu/convolution.h"
#include "engine/cpu/dense.h"
#include "engine/cpu/dropout.h"
#include "engine/cpu/flatten.h"
#include "engine/cpu/isa.h"
#include "engine/cpu/pooling.h"
#include "engine/cpu/relu.h"

namespace spot {
namespace {

bool contains(const ModelSpec& model, LayerKind kind) {
  return std::any_of(model.layers.begin(), model.layers.end(),
                     [=](const LayerSpec& layer) { return layer.kind == kind; });
}

bool is(const ModelSpec& model, std::size_t index, LayerKind kind) {
  return index < model.layers.size() && model.layers[index].kind == kind;
}

}  // namespace

Plan::Plan(const ModelSpec& model, OperatorContext context, std::size_t batch_size, int workers)
    : context_(std::move(context)), image_block_(preferred_channel_block()) {
  const auto shards = static_cast<std::size_t>(context_.shards);
  context_.shard_size = (batch_size + shards - 1) / shards;
  // Where shards wait for each other in the middle of a pass, each needs buffers of its own; otherwise a
  // worker goes through the whole pass with one shard before it takes the next.
  context_.slots = contains(model, LayerKind::kBatchNorm) ? context_.shards : workers;
  batch_rows_ = shards * context_.shard_size;

  add_edge(model.input, true, false);
  add_layers(model);
  head_ = std::make_unique<SoftmaxCrossEntropy>(*edges_.back(), batch_rows_);
  schedule_inference();
  schedule_training();
  for (const auto& op : operators_) op->add_parameter_tasks(parameter_tasks_);
}

int Plan::shards_of(std::size_t batch) const {
  return static_cast<int>((batch + shard_size() - 1) / shard_size());
}

ShardTask Plan::task(int shard, int worker, std::size_t batch, std::uint64_t step) const {
  const std::size_t first = static_cast<std::size_t>(shard) * shard_size();
  return {.shard = shard,
          .slot = context_.slots == context_.shards ? shard : worker,
          .first = first,
          .count = std::min(shard_size(), batch - first),
          .batch = batch,
          .step = step};
}

Edge& Plan::add_edge(Shape3 shape, bool image, bool has_difference) {
  // The grey input image stays plain: a block of channels would be almost all padding.
  const std::int64_t block = image && !edges_.empty() ? image_block_ : 1;
  edges_.push_back(
      std::make_unique<Edge>(shape, block, !image, context_.shard_size, context_.slots, batch_rows_, has_difference));
  return *edges_.back();
}

template <typename Kind, typename... Arguments>
void Plan::add(Arguments&&... arguments) {
  operators_.push_back(std::make_unique<Kind>(std::forward<Arguments>(arguments)...));
}

void Plan::add_layers(const ModelSpec& model) {
  for (std::size_t i = 0; i < model.layers.size();) i += add_layer(model, i);
}

/// Adds the operators of layer `index`, and of those behind it that go with it; returns how many layers that
/// were.
std::size_t Plan::add_layer(const ModelSpec& model, std::size_t index) {
  const LayerSpec& layer = model.layers[index];
  Edge& input = *edges_.back();
  const bool image = input.block() != 1 || edges_.size() == 1;
  // max(x, 0) and the maximum over a window commute: behind the pool there are fewer values to clamp.
  const bool relu_follows = is(model, index + 1, LayerKind::kRelu) && !is(model, index + 2, LayerKind::kMaxPool);
  switch (layer.kind) {
    case LayerKind::kConv2d: {
      Edge& output = add_edge(layer.output, true, true);
      add<ConvolutionOperator>(context_, layer, input, output, relu_follows);
      if (relu_follows) add<ReluOperator>(model.layers[index + 1], output, true);
      return relu_follows ? 2 : 1;
    }
    case LayerKind::kDense: {
      Edge& output = add_edge(layer.output, false, true);
      add<DenseOperator>(context_, layer, input, output, relu_follows);
      shared_packs_.push_back(operators_.back().get());
      if (relu_follows) add<ReluOperator>(model.layers[index + 1], output, true);
      return relu_follows ? 2 : 1;
    }
    case LayerKind::kMaxPool:
    case LayerKind::kAveragePool:
      add<PoolingOperator>(context_, layer, input, add_edge(layer.output, true, input.has_difference()));
      return 1;
    case LayerKind::kRelu:
      if (is(model, index + 1, LayerKind::kMaxPool)) {
        const LayerSpec& pool = model.layers[index + 1];
        Edge& output = add_edge(pool.output, true, input.has_difference());
        add<PoolingOperator>(context_, pool, input, output);
        add<ReluOperator>(layer, output, false);
        return 2;
      }
      add<ReluOperator>(layer, input, false);
      return 1;
    case LayerKind::kDropout: add<DropoutOperator>(context_, layer, static_cast<std::uint32_t>(index), input); return 1;
    case LayerKind::kFlatten:
      add<FlattenOperator>(layer, input, add_edge(layer.output, false, input.has_difference()));
      return 1;
    case LayerKind::kBatchNorm:
      add<BatchNormalisationOperator>(context_, layer, input, add_edge(layer.output, image, true));
      return 1;
  }
  fail(Status::kInternal, cat("layer '", layer.name, "' has no operator"));
}

void Plan::schedule_inference() {
  inference_.emplace_back();
  for (const auto& op : operators_) {
    inference_.back().push_back({op->layer(), "forward", op->implementation("forward"),
                                 [&op = *op](const ShardTask& task) { op.forward(task, false); }});
  }
}

void Plan::schedule_training() {
  training_.emplace_back();
  const auto call = [&](Operator& op, const char* pass, auto run) {
    training_.back().push_back(
        {op.layer(), pass, op.implementation(pass), [&op, run](const ShardTask& task) { run(op, task); }});
  };
  for (const auto& op : operators_) {
    if (op->synchronises()) {
      call(*op, "forward", [](Operator& o, const ShardTask& task) { o.gather_forward(task); });
      training_.emplace_back();
    }
    call(*op, "forward", [](Operator& o, const ShardTask& task) { o.forward(task, true); });
  }
  training_.back().push_back({"softmax", "forward", "cross-entropy and its difference",
                              [this](const ShardTask& task) { head_->evaluate(task, labels_, true); }});
  for (auto op = operators_.rbegin(); op != operators_.rend(); ++op) {
    if ((*op)->synchronises()) {
      call(**op, "backward_weights", [](Operator& o, const ShardTask& task) { o.gather_backward(task); });
      training_.emplace_back();
    } else {
      call(**op, "backward_weights", [](Operator& o, const ShardTask& task) { o.backward_weights(task); });
    }
    call(**op, "backward_data", [](Operator& o, const ShardTask& task) { o.backward_data(task); });
  }
}

void Plan::repack() {
  for (const auto& op : operators_) op->repack();
}

}  // namespace spot
