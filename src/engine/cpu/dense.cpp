#include "engine/cpu/dense.h"

#include <algorithm>

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

/// Rows of the weight gradient that one task computes: enough for the matrix product to run at full speed,
/// few enough for several workers to share the layer.
constexpr std::int64_t kTileRows = 16;

}  // namespace

DenseOperator::DenseOperator(const OperatorContext& context, const LayerSpec& layer, Edge& input,
                             Edge& output, bool relu)
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
  forward_ = Primitive(dnnl::inner_product_forward(forward), forward, context_.engine,
                       context_.slots,
                       {{DNNL_ARG_SRC, forward.src_desc()},
                        {DNNL_ARG_WEIGHTS, forward.weights_desc()},
                        {DNNL_ARG_BIAS, forward.bias_desc()},
                        {DNNL_ARG_DST, forward.dst_desc()}});
  if (!input.has_difference()) return;
  const auto backward = onednn::inner_product_backward_data(
      context_.engine, input.vector_desc(), canonical, output.vector_desc(), forward);
  backward_data_ = Primitive(dnnl::inner_product_backward_data(backward), backward,
                             context_.engine, context_.slots,
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
                           {DNNL_ARG_BIAS, context_.state + bias_.offset},
                           {DNNL_ARG_DST, output_.value(task)}});
}

void DenseOperator::backward_data(const ShardTask& task) {
  if (!backward_data_) return;
  backward_data_.run(task.slot, {{DNNL_ARG_DIFF_SRC, input_.difference(task)},
                                 {DNNL_ARG_WEIGHTS, context_.state + weight_.offset},
                                 {DNNL_ARG_DIFF_DST, output_.difference(task)}});
}

double DenseOperator::update_rows(std::int64_t first, std::int64_t count, std::size_t batch,
                                  float learning_rate) {
  const ShardTask whole_batch{};
  const float* input = input_.value(whole_batch);             // [batch][inputs]
  const float* difference = output_.difference(whole_batch);  // [batch][outputs]
  const std::size_t weight_offset =
      weight_.offset + static_cast<std::size_t>(first) * static_cast<std::size_t>(inputs_);
  float* gradient = context_.gradients + weight_offset;  // [count][inputs]
  const dnnl_status_t status =
      dnnl_sgemm('T', 'N', count, inputs_, static_cast<std::int64_t>(batch), 1.0F,
                 difference + first, outputs_, input, inputs_, 0.0F, gradient, inputs_);
  if (status != dnnl_success) {
    fail(status == dnnl_out_of_memory ? Status::kNoMemory : Status::kInternal,
         cat("layer '", layer(), "': the weight gradient failed in oneDNN (status ",
             static_cast<int>(status), ")"));
  }

  const std::size_t bias_offset = bias_.offset + static_cast<std::size_t>(first);
  float* bias_gradient = context_.gradients + bias_offset;
  std::fill_n(bias_gradient, count, 0.0F);
  for (std::size_t sample = 0; sample < batch; ++sample) {
    const float* row = difference + sample * static_cast<std::size_t>(outputs_) + first;
    for (std::int64_t i = 0; i < count; ++i) bias_gradient[i] += row[i];
  }
  const auto rows = static_cast<std::size_t>(count);
  return context_.update(weight_offset, rows * static_cast<std::size_t>(inputs_), learning_rate) +
         context_.update(bias_offset, rows, learning_rate);
}

void DenseOperator::add_parameter_tasks(std::vector<ParameterTask>& tasks) {
  for (std::int64_t first = 0; first < outputs_; first += kTileRows) {
    const std::int64_t count = std::min(kTileRows, outputs_ - first);
    tasks.push_back({layer(), [=, this](int /*shards*/, std::size_t batch, float learning_rate) {
                       return update_rows(first, count, batch, learning_rate);
                     }});
  }
}

}  // namespace spot
