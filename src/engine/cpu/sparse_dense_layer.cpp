#include "engine/cpu/sparse_dense_layer.h"

#include <algorithm>
#include <numeric>

#include "engine/cpu/kernels/transpose.h"
#include "engine/cpu/reduction.h"

namespace spot {

bool SparseDenseOperator::can_compute(const LayerSpec& layer) {
  constexpr std::int64_t kFewestInputs = 512;  // with less the general path has no time to lose
  constexpr auto kMultiple = static_cast<std::int64_t>(kernels::kDenseMultiple);
  return layer.input.size() >= kFewestInputs && layer.input.size() % kMultiple == 0 && layer.outputs % kMultiple == 0;
}

SparseDenseOperator::SparseDenseOperator(const OperatorContext& context, const LayerSpec& layer, Edge& input,
                                         Edge& output, bool relu)
    : Operator(layer.name),
      context_(context),
      input_(input),
      output_(output),
      weight_(*context.layout->find(layer.name + ".weight")),
      bias_(*context.layout->find(layer.name + ".bias")),
      inputs_(static_cast<std::size_t>(layer.input.size())),
      outputs_(static_cast<std::size_t>(layer.outputs)),
      relu_(relu),
      tile_squares_(static_cast<std::size_t>(tiles())) {
  const std::size_t rows = static_cast<std::size_t>(context.shards) * context.shard_size;
  by_sample_ = AlignedBuffer<kernels::DenseEntry>(rows * outputs_);
  by_output_ = AlignedBuffer<kernels::DenseEntry>(rows * outputs_);
  sample_counts_ = AlignedBuffer<std::uint32_t>(rows);
  output_counts_ = AlignedBuffer<std::uint32_t>(outputs_);
  for (int worker = 0; worker < context.workers; ++worker) {
    scratch_.emplace_back(kernels::dense_scratch(outputs_, rows));
  }
}

int SparseDenseOperator::tiles() const {
  return static_cast<int>((inputs_ + kernels::kDenseTile - 1) / kernels::kDenseTile);
}

std::string SparseDenseOperator::implementation(std::string_view pass) const {
  if (pass == "forward") return "whole batch, skips zeros";
  if (pass == "backward_weights") return "whole batch, skips zeros, with the update";
  return "";
}

void SparseDenseOperator::forward(const ShardTask& task, bool /*training*/) {
  kernels::sparse_dense_forward({.inputs = inputs_,
                                 .outputs = outputs_,
                                 .samples = task.count,
                                 .input = input_.value(task),
                                 .input_pitch = input_.sample_size(),
                                 .weights = context_.state->now() + weight_.offset,
                                 .bias = context_.state->now() + bias_.offset,
                                 .relu = relu_,
                                 .output = output_.value(task)});
}

void SparseDenseOperator::prepare_backward(const ShardTask& task) {
  const std::size_t rows = sample_counts_.size();
  kernels::list_dense_differences(
      output_.difference(ShardTask{}), task.batch, outputs_,
      {by_sample_.data(), sample_counts_.data(), by_output_.data(), output_counts_.data(), rows});
}

void SparseDenseOperator::backward_tile(const ShardTask& task) {
  const std::size_t rows = sample_counts_.size();
  const auto tile = static_cast<std::size_t>(task.shard);
  const std::size_t first = tile * kernels::kDenseTile;
  const std::size_t count = std::min(kernels::kDenseTile, inputs_ - first);
  float* input_difference = input_.has_difference() ? input_.difference(ShardTask{}) : nullptr;
  kernels::sparse_dense_backward(
      {.outputs = outputs_,
       .samples = task.batch,
       .first = first,
       .count = count,
       .lists = {by_sample_.data(), sample_counts_.data(), by_output_.data(), output_counts_.data(), rows},
       .weights = context_.state->now() + weight_.offset,
       .gradient = context_.gradients + weight_.offset,
       .input = input_.value(ShardTask{}),
       .input_difference = input_difference,
       .input_pitch = input_.sample_size(),
       .scratch = scratch_[static_cast<std::size_t>(task.worker)].data()});
  // Rows of the last shard behind the batch's end may be left from a larger batch.
  const std::size_t used_rows = (task.batch + context_.shard_size - 1) / context_.shard_size * context_.shard_size;
  for (std::size_t n = task.batch; input_difference != nullptr && n < used_rows; ++n) {
    std::fill_n(input_difference + n * input_.sample_size() + first, count, 0.0F);
  }
  tile_squares_[tile] = context_.update(weight_.offset + first * outputs_, count * outputs_, task.learning_rate);
}

double SparseDenseOperator::update_bias(std::size_t batch, float learning_rate) {
  const float* difference = output_.difference(ShardTask{});  // [batch][outputs]
  sum_parts(difference, outputs_, static_cast<int>(batch), outputs_, context_.gradients + bias_.offset);
  const double squares = context_.update(bias_.offset, bias_.size, learning_rate);
  return std::accumulate(tile_squares_.begin(), tile_squares_.end(), squares);
}

void SparseDenseOperator::add_parameter_tasks(std::vector<ParameterTask>& tasks) {
  tasks.push_back({layer(), [this](int /*shards*/, std::size_t batch, float learning_rate) {
                     return update_bias(batch, learning_rate);
                   }});
}

/// Calls visit(first canonical weight, first stored weight, rows, their distance in the stored order) for blocks of
/// kDenseMultiple outputs by all inputs that are neighbours in the canonical order: one channel's pixels, or all.
template <typename Visit>
void SparseDenseOperator::for_each_block(const Visit& visit) const {
  const auto block = static_cast<std::size_t>(input_.block());
  const std::size_t run = block == 1 ? inputs_ : input_.pixels();
  // A block of sixteen outputs is a cache line of the stored order.
  for (std::size_t output = 0; output < outputs_; output += kernels::kDenseMultiple) {
    for (std::size_t channel = 0; channel * run < inputs_; ++channel) {
      const std::size_t input = channel / block * run * block + channel % block;
      visit(output * inputs_ + channel * run, input * outputs_ + output, run, block * outputs_);
    }
  }
}

void SparseDenseOperator::add_stored_orders(std::vector<StoredOrder>& orders) {
  const auto store = [this](const float* canonical, float* stored) {
    for_each_block([=, this](std::size_t from, std::size_t to, std::size_t run, std::size_t pitch) {
      kernels::transpose(canonical + from, inputs_, kernels::kDenseMultiple, run, stored + to, pitch);
    });
  };
  const auto load = [this](const float* stored, float* canonical) {
    for_each_block([=, this](std::size_t to, std::size_t from, std::size_t run, std::size_t pitch) {
      kernels::transpose(stored + from, pitch, run, kernels::kDenseMultiple, canonical + to, inputs_);
    });
  };
  orders.push_back({.parameter = &weight_, .store = store, .load = load});
}

}  // namespace spot
