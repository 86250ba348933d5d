#include "engine/cpu/plan.h"

#include <algorithm>

#include "base/status.h"
#include "base/text.h"
#include "engine/cpu/batch_normalisation.h"
#include "engine/cpu/convolution.h"
#include "engine/cpu/dense.h"
#include "engine/cpu/dropout.h"
#include "engine/cpu/first_convolution.h"
#include "engine/cpu/first_pooled_convolution.h"
#include "engine/cpu/flatten.h"
#include "engine/cpu/isa.h"
#include "engine/cpu/pooling.h"
#include "engine/cpu/relu.h"
#include "engine/cpu/sparse_convolution_layer.h"
#include "engine/cpu/sparse_dense_layer.h"

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

Plan::Plan(const ModelSpec& model, OperatorContext context, std::size_t batch_size, Kernels kernels)
    : context_(std::move(context)), image_block_(preferred_channel_block()) {
  const auto shards = static_cast<std::size_t>(context_.shards);
  context_.shard_size = (batch_size + shards - 1) / shards;
  batch_rows_ = shards * context_.shard_size;
  if (kernels == Kernels::kAuto && Fusion::is_possible(image_block_)) fusion_.emplace(model, image_block_);
  // Where shards wait for each other in the middle of a pass, each needs buffers of its own; otherwise a
  // worker goes through the whole pass with one shard before it takes the next.
  const bool normalises = contains(model, LayerKind::kBatchNorm);
  context_.slots = normalises || fusion_ ? context_.shards : context_.workers;
  context_.difference_slots = normalises ? context_.shards : context_.workers;

  add_edge(model.input, true, false);
  add_layers(model);
  head_ = std::make_unique<SoftmaxCrossEntropy>(*edges_.back(), batch_rows_);
  schedule_inference();
  schedule_training();
  for (const auto& op : operators_) {
    op->add_parameter_tasks(parameter_tasks_);
    op->add_stored_orders(stored_orders_);
  }
}

int Plan::shards_of(std::size_t batch) const {
  return static_cast<int>((batch + shard_size() - 1) / shard_size());
}

ShardTask Plan::task(int shard, int worker, std::size_t batch, std::uint64_t step) const {
  const std::size_t first = static_cast<std::size_t>(shard) * shard_size();
  return {.shard = shard,
          .slot = context_.slots == context_.shards ? shard : worker,
          .difference_slot = context_.difference_slots == context_.shards ? shard : worker,
          .worker = worker,
          .first = first,
          .count = std::min(shard_size(), batch - first),
          .batch = batch,
          .step = step};
}

ShardTask Plan::part(int part, int parts, int worker, std::size_t batch, std::uint64_t step) const {
  const std::size_t first = batch * static_cast<std::size_t>(part) / static_cast<std::size_t>(parts);
  const std::size_t end = batch * static_cast<std::size_t>(part + 1) / static_cast<std::size_t>(parts);
  return {.worker = worker, .first = first, .count = end - first, .batch = batch, .step = step};
}

Edge& Plan::add_edge(Shape3 shape, bool image, bool has_difference, bool batch_wide) {
  // The grey input image stays plain: a block of channels would be almost all padding.
  const std::int64_t block = image && !edges_.empty() ? image_block_ : 1;
  const EdgeSize size = {context_.shard_size, context_.slots, context_.difference_slots, batch_rows_};
  edges_.push_back(std::make_unique<Edge>(shape, block, batch_wide || !image, size, has_difference));
  return *edges_.back();
}

template <typename Kind, typename... Arguments>
void Plan::add(Arguments&&... arguments) {
  operators_.push_back(std::make_unique<Kind>(std::forward<Arguments>(arguments)...));
}

void Plan::add_layers(const ModelSpec& model) {
  for (std::size_t i = 0; i < model.layers.size();) i += add_layer(model, i);
}

/// Adds the fused operator of the pattern that begins at layer `index`; returns how many layers that were, 0 when
/// there is none.
std::size_t Plan::add_fused(const ModelSpec& model, std::size_t index) {
  if (!fusion_) return 0;
  Edge& input = *edges_.back();
  const bool plain = edges_.size() == 1;
  const Fusion::Match match = fusion_->match(index, input.block() != 1 || plain, plain);
  const LayerSpec& layer = model.layers[match.weighted];
  switch (match.kind) {
    case Fusion::Kind::kNone: return 0;
    case Fusion::Kind::kSparseConvolution: {
      Edge& output = add_edge(model.layers[match.last].output, true, true, fusion_->feeds_dense(index + match.layers));
      add<SparseConvolutionOperator>(context_, layer, input, output, match.pools);
      if (input.has_background()) shared_packs_.push_back(operators_.back().get());
      break;
    }
    case Fusion::Kind::kFirstPooledConvolution: {
      Edge& output = add_edge(model.layers[match.last].output, true, true, fusion_->feeds_dense(index + match.layers));
      add<FirstPooledConvolutionOperator>(context_, layer, input, output);
      break;
    }
    case Fusion::Kind::kFirstConvolution:
      add<FirstConvolutionOperator>(context_, layer, input, add_edge(layer.output, true, true), match.relu);
      break;
    case Fusion::Kind::kSparseDense: {
      Edge& output = add_edge(layer.output, false, true);
      add<SparseDenseOperator>(context_, layer, input, output, match.relu);
      if (match.relu) add<ReluOperator>(model.layers[match.weighted + 1], output, true);
      break;
    }
  }
  return match.layers;
}

/// Adds the operators of layer `index`, and of those behind it that go with it; returns how many layers that
/// were.
std::size_t Plan::add_layer(const ModelSpec& model, std::size_t index) {
  if (const std::size_t fused = add_fused(model, index); fused != 0) return fused;
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
    case LayerKind::kDropout:
      input.forget_background();
      add<DropoutOperator>(context_, layer, static_cast<std::uint32_t>(index), input);
      return 1;
    case LayerKind::kFlatten:
      add<FlattenOperator>(layer, input, add_edge(layer.output, false, input.has_difference()));
      return 1;
    case LayerKind::kBatchNorm:
      add<BatchNormalisationOperator>(context_, layer, input, add_edge(layer.output, image, true));
      return 1;
  }
  fail(Status::kInternal, cat("layer '", layer.name, "' has no operator"));
}

Segment& Plan::begin_segment(std::vector<Segment>& segments, Segment::Over over, int tiles) {
  if (segments.empty() || !segments.back().calls.empty()) segments.emplace_back();
  segments.back().over = over;
  segments.back().tiles = tiles;
  return segments.back();
}

void Plan::add_call(std::vector<Segment>& segments, Operator& op, const char* pass,
                    std::function<void(const ShardTask&)> run) {
  Segment& segment = segments.back();
  segment.takes_rows = segment.takes_rows && op.takes_rows();
  segment.calls.push_back({op.layer(), pass, op.implementation(pass), std::move(run)});
}

/// Adds the forward call of `op` to the pass, over parts of the batch for an operator that takes them.
void Plan::schedule_forward(std::vector<Segment>& segments, Operator& op, bool training) {
  if (op.tiles() > 0) begin_segment(segments, Segment::Over::kParts);
  add_call(segments, op, "forward", [&op, training](const ShardTask& task) { op.forward(task, training); });
  if (op.tiles() > 0) begin_segment(segments, Segment::Over::kShards);
}

void Plan::schedule_inference() {
  begin_segment(inference_, Segment::Over::kShards);
  for (const auto& op : operators_) schedule_forward(inference_, *op, false);
}

void Plan::schedule_backward(Operator& op) {
  if (op.tiles() > 0) {
    begin_segment(training_, Segment::Over::kTiles, 1);
    add_call(training_, op, "backward_weights", [&op](const ShardTask& task) { op.prepare_backward(task); });
    begin_segment(training_, Segment::Over::kTiles, op.tiles());
    add_call(training_, op, "backward_weights", [&op](const ShardTask& task) { op.backward_tile(task); });
    begin_segment(training_, Segment::Over::kShards);
    return;
  }
  if (op.synchronises()) {
    add_call(training_, op, "backward_weights", [&op](const ShardTask& task) { op.gather_backward(task); });
    begin_segment(training_, Segment::Over::kShards);
  } else {
    add_call(training_, op, "backward_weights", [&op](const ShardTask& task) { op.backward_weights(task); });
  }
  add_call(training_, op, "backward_data", [&op](const ShardTask& task) { op.backward_data(task); });
}

void Plan::schedule_training() {
  begin_segment(training_, Segment::Over::kShards);
  for (const auto& op : operators_) {
    if (op->synchronises()) {
      add_call(training_, *op, "forward", [&op = *op](const ShardTask& task) { op.gather_forward(task); });
      begin_segment(training_, Segment::Over::kShards);
    }
    schedule_forward(training_, *op, true);
  }
  training_.back().takes_rows = false;
  training_.back().calls.push_back({"softmax", "forward", "cross-entropy and its difference",
                                    [this](const ShardTask& task) { head_->evaluate(task, labels_, true); }});
  for (auto op = operators_.rbegin(); op != operators_.rend(); ++op) schedule_backward(**op);
}

void Plan::repack() {
  for (const auto& op : operators_) op->repack();
}

}  // namespace spot
