#include "engine/cpu/dense.h"

#include <algorithm>

#include "base/status.h"
#include "base/text.h"
#include "engine/cpu/reduction.h"

namespace spot {
namespace {

/// Weights that one task computes the gradient of and updates: few enough to stay in a core's cache with their
/// accumulators, enough for the matrix product to run at full speed.
constexpr std::int64_t kTileWeights = 65536;

/// Columns of a tile, a multiple of what packed layouts keep together.
std::int64_t tile_columns(std::int64_t inputs, std::int64_t outputs) {
  constexpr std::int64_t kMultiple = 64;
  const std::int64_t columns = std::max<std::int64_t>(1, kTileWeights / outputs / kMultiple);
  return std::min(inputs, columns * kMultiple);
}

}  // namespace

DenseOperator::DenseOperator(const OperatorContext& context, const LayerSpec& layer, Edge& input, Edge& output,
                             bool relu)
    : Operator(layer.name),
      context_(context),
      input_(input),
      output_(output),
      weight_(*context.layout->find(layer.name + ".weight")),
      bias_(*context.layout->find(layer.name + ".bias")),
      inputs_(layer.input.size()),
      outputs_(layer.outputs) {
  const onednn::Desc canonical = onednn::f32({outputs_, inputs_}, onednn::Tag::oi);
  const auto forward = onednn::inner_product_forward(
      context_.engine, input.vector_desc(), onednn::f32({outputs_, inputs_}, onednn::Tag::any),
      onednn::f32({outputs_}, onednn::Tag::x), output.vector_desc(),
      relu ? onednn::user_scratchpad_and_relu() : onednn::user_scratchpad());
  forward_weight_ = PackedWeight(context_.engine, canonical, forward.weights_desc());
  forward_ = Primitive(dnnl::inner_product_forward(forward), forward, context_.engine, context_.slots,
                       {{DNNL_ARG_SRC, forward.src_desc()},
                        {DNNL_ARG_WEIGHTS, forward.weights_desc()},
                        {DNNL_ARG_BIAS, forward.bias_desc()},
                        {DNNL_ARG_DST, forward.dst_desc()}});
  if (!input.has_difference()) return;
  const auto backward = onednn::inner_product_backward_data(context_.engine, input.vector_desc(), canonical,
                                                            output.vector_desc(), forward);
  backward_data_ = Primitive(dnnl::inner_product_backward_data(backward), backward, context_.engine, context_.slots,
                             {{DNNL_ARG_DIFF_SRC, backward.diff_src_desc()},
                              {DNNL_ARG_WEIGHTS, backward.weights_desc()},
                              {DNNL_ARG_DIFF_DST, backward.diff_dst_desc()}});
}

std::string DenseOperator::implementation(std::string_view pass) const {
  if (pass == "forward") return forward_.implementation();
  if (pass == "backward_weights") return "sgemm over the batch, fused with the update";
  return backward_data_ ? backward_data_.implementation() : "";
}

void DenseOperator::forward(const ShardTask& task, bool /*training*/) {
  forward_.run(task.slot, {{DNNL_ARG_SRC, input_.value(task)},
                           {DNNL_ARG_WEIGHTS, forward_weight_.data()},
                           {DNNL_ARG_BIAS, onednn::input(context_.state->now() + bias_.offset)},
                           {DNNL_ARG_DST, output_.value(task)}});
}

void DenseOperator::backward_data(const ShardTask& task) {
  if (!backward_data_) return;
  backward_data_.run(task.slot, {{DNNL_ARG_DIFF_SRC, input_.difference(task)},
                                 {DNNL_ARG_WEIGHTS, onednn::input(context_.state->now() + weight_.offset)},
                                 {DNNL_ARG_DIFF_DST, output_.difference(task)}});
}

/// Tile `first` … `first + count - 1` of the inputs: gradient[o][i] = sum over the batch of difference[o] *
/// input[i].
double DenseOperator::update_columns(std::int64_t first, std::int64_t count, std::size_t batch, float learning_rate) {
  const ShardTask whole_batch{};
  const float* input = input_.value(whole_batch);             // [batch][inputs]
  const float* difference = output_.difference(whole_batch);  // [batch][outputs]
  float* gradient = context_.gradients + weight_.offset;      // [outputs][inputs]
  const dnnl_status_t status = dnnl_sgemm('T', 'N', outputs_, count, static_cast<std::int64_t>(batch), 1.0F, difference,
                                          outputs_, input + first, inputs_, 0.0F, gradient + first, inputs_);
  if (status != dnnl_success) {
    fail(status == dnnl_out_of_memory ? Status::kNoMemory : Status::kInternal,
         cat("layer '", layer(), "': the weight gradient failed in oneDNN (status ", static_cast<int>(status), ")"));
  }
  double squares = 0;
  for (std::int64_t output = 0; output < outputs_; ++output) {
    squares += context_.update(weight_.offset + static_cast<std::size_t>(output * inputs_ + first),
                               static_cast<std::size_t>(count), learning_rate);
  }
  return squares;
}

double DenseOperator::update_bias(std::size_t batch, float learning_rate) {
  const float* difference = output_.difference(ShardTask{});  // [batch][outputs]
  sum_parts(difference, bias_.size, static_cast<int>(batch), bias_.size, context_.gradients + bias_.offset);
  return context_.update(bias_.offset, bias_.size, learning_rate);
}

void DenseOperator::add_parameter_tasks(std::vector<ParameterTask>& tasks) {
  const std::int64_t columns = tile_columns(inputs_, outputs_);
  for (std::int64_t first = 0; first < inputs_; first += columns) {
    const std::int64_t count = std::min(columns, inputs_ - first);
    tasks.push_back({layer(), [=, this](int /*shards*/, std::size_t batch, float learning_rate) {
                       return update_columns(first, count, batch, learning_rate);
                     }});
  }
  tasks.push_back({layer(), [this](int /*shards*/, std::size_t batch, float learning_rate) {
                     return update_bias(batch, learning_rate);
                   }});
}

}  // namespace spot
