#include "engine/cpu/convolution.h"

#include <algorithm>
#include <string>

#include "engine/cpu/reduction.h"

namespace spot {

ConvolutionOperator::ConvolutionOperator(const OperatorContext& context, const LayerSpec& layer, Edge& input,
                                         Edge& output, bool relu)
    : Operator(layer.name),
      context_(context),
      input_(input),
      output_(output),
      weight_(*context.layout->find(layer.name + ".weight")),
      bias_(*context.layout->find(layer.name + ".bias")),
      window_{{layer.stride[0], layer.stride[1]},
              {layer.padding[0], layer.padding[1]},
              {layer.padding[2], layer.padding[3]}},
      weight_dims_{weight_.shape[0], input.blocks() * input.block(), weight_.shape[2], weight_.shape[3]},
      weight_desc_(onednn::f32(weight_dims_, onednn::Tag::oihw)) {
  if (weight_dims_ != weight_.shape) whole_weights_ = AlignedBuffer<float>(weight_desc_.get_size() / sizeof(float));
  make_forward(relu);
  make_backward_weights(layer);
  if (input_.has_difference()) make_backward_data();
}

void ConvolutionOperator::make_forward(bool relu) {
  forward_desc_ = onednn::convolution_forward(context_.engine, input_.whole_blocks_desc(),
                                              onednn::f32(weight_dims_, onednn::Tag::any),
                                              onednn::f32(bias_.shape, onednn::Tag::x), output_.image_desc(), window_,
                                              relu ? onednn::user_scratchpad_and_relu() : onednn::user_scratchpad());
  forward_weight_ = PackedWeight(context_.engine, weight_desc_, forward_desc_.weights_desc());
  forward_ = Primitive(dnnl::convolution_forward(forward_desc_), forward_desc_, context_.engine, context_.slots,
                       {{DNNL_ARG_SRC, forward_desc_.src_desc()},
                        {DNNL_ARG_WEIGHTS, forward_desc_.weights_desc()},
                        {DNNL_ARG_BIAS, forward_desc_.bias_desc()},
                        {DNNL_ARG_DST, forward_desc_.dst_desc()}});
}

void ConvolutionOperator::make_backward_weights(const LayerSpec& layer) {
  const auto desc = onednn::convolution_backward_weights(
      context_.engine, input_.whole_blocks_desc(), onednn::f32(weight_dims_, onednn::Tag::any),
      onednn::f32(bias_.shape, onednn::Tag::x), output_.image_desc(), window_, forward_desc_);
  gradient_desc_ = desc.diff_weights_desc();
  if (input_.block() == 1 && std::string(desc.impl_info_str()).starts_with("ref")) {
    plain_input_gradient_.emplace(layer);
    gradient_desc_ = weight_desc_;
  } else {
    backward_weights_ = Primitive(dnnl::convolution_backward_weights(desc), desc, context_.engine, context_.slots,
                                  {{DNNL_ARG_SRC, desc.src_desc()},
                                   {DNNL_ARG_DIFF_DST, desc.diff_dst_desc()},
                                   {DNNL_ARG_DIFF_WEIGHTS, gradient_desc_},
                                   {DNNL_ARG_DIFF_BIAS, desc.diff_bias_desc()}});
  }
  gradient_size_ = gradient_desc_.get_size() / sizeof(float);
  const auto shards = static_cast<std::size_t>(context_.shards);
  shard_weight_gradients_ = AlignedBuffer<float>(shards * gradient_size_);
  shard_bias_gradients_ = AlignedBuffer<float>(shards * bias_.size);
  gradient_sum_ = AlignedBuffer<float>(gradient_size_);
  unpack_gradient_ = Reorder(context_.engine, gradient_desc_, weight_desc_);
}

void ConvolutionOperator::make_backward_data() {
  const auto desc = onednn::convolution_backward_data(context_.engine, input_.whole_blocks_desc(),
                                                      onednn::f32(weight_dims_, onednn::Tag::any), output_.image_desc(),
                                                      window_, forward_desc_);
  backward_weight_ = PackedWeight(context_.engine, weight_desc_, desc.weights_desc());
  backward_data_ = Primitive(dnnl::convolution_backward_data(desc), desc, context_.engine, context_.slots,
                             {{DNNL_ARG_DIFF_SRC, desc.diff_src_desc()},
                              {DNNL_ARG_WEIGHTS, desc.weights_desc()},
                              {DNNL_ARG_DIFF_DST, desc.diff_dst_desc()}});
}

std::string ConvolutionOperator::implementation(std::string_view pass) const {
  if (pass == "forward") return forward_.implementation();
  if (pass == "backward_weights") {
    return plain_input_gradient_ ? "direct loops" : backward_weights_.implementation();
  }
  return backward_data_ ? backward_data_.implementation() : "";
}

void ConvolutionOperator::forward(const ShardTask& task, bool /*training*/) {
  forward_.run(task.slot, {{DNNL_ARG_SRC, input_.value(task)},
                           {DNNL_ARG_WEIGHTS, forward_weight_.data()},
                           {DNNL_ARG_BIAS, onednn::input(context_.state->now() + bias_.offset)},
                           {DNNL_ARG_DST, output_.value(task)}});
}

void ConvolutionOperator::backward_weights(const ShardTask& task) {
  const auto shard = static_cast<std::size_t>(task.shard);
  float* weight = shard_weight_gradients_.data() + shard * gradient_size_;
  float* bias = shard_bias_gradients_.data() + shard * bias_.size;
  if (plain_input_gradient_) {
    plain_input_gradient_->run(input_, input_.value(task), output_, output_.difference(task), task.count, weight, bias);
    return;
  }
  backward_weights_.run(task.slot, {{DNNL_ARG_SRC, input_.value(task)},
                                    {DNNL_ARG_DIFF_DST, output_.difference(task)},
                                    {DNNL_ARG_DIFF_WEIGHTS, weight},
                                    {DNNL_ARG_DIFF_BIAS, bias}});
}

void ConvolutionOperator::backward_data(const ShardTask& task) {
  if (!backward_data_) return;
  backward_data_.run(task.slot, {{DNNL_ARG_DIFF_SRC, input_.difference(task)},
                                 {DNNL_ARG_WEIGHTS, backward_weight_.data()},
                                 {DNNL_ARG_DIFF_DST, output_.difference(task)}});
}

template <typename Visit>
void ConvolutionOperator::for_each_row(Visit visit) {
  const auto rows = static_cast<std::size_t>(weight_dims_[0]);
  const std::size_t whole_size = whole_weights_.size() / rows;
  for (std::size_t row = 0; row < rows; ++row) {
    visit(row, weight_.size / rows, whole_weights_.data() + row * whole_size, whole_size);
  }
}

float* ConvolutionOperator::whole_blocks_weight() {
  float* weight = context_.state->next() + weight_.offset;
  if (whole_weights_.size() == 0) return weight;
  for_each_row([&](std::size_t row, std::size_t size, float* whole, std::size_t whole_size) {
    std::copy_n(weight + row * size, size, whole);
    std::fill(whole + size, whole + whole_size, 0.0F);
  });
  return whole_weights_.data();
}

double ConvolutionOperator::update(int shards, float learning_rate) {
  sum_parts(shard_weight_gradients_.data(), gradient_size_, shards, gradient_size_, gradient_sum_.data());
  float* gradient = context_.gradients + weight_.offset;
  unpack_gradient_.run(gradient_sum_.data(), whole_weights_.size() == 0 ? gradient : whole_weights_.data());
  if (whole_weights_.size() != 0) {
    for_each_row([&](std::size_t row, std::size_t size, const float* whole, std::size_t /*whole_size*/) {
      std::copy_n(whole, size, gradient + row * size);
    });
  }
  sum_parts(shard_bias_gradients_.data(), bias_.size, shards, bias_.size, context_.gradients + bias_.offset);
  const double squares = context_.update(weight_.offset, weight_.size, learning_rate) +
                         context_.update(bias_.offset, bias_.size, learning_rate);
  repack();
  return squares;
}

void ConvolutionOperator::repack() {
  float* weight = whole_blocks_weight();
  forward_weight_.pack(weight);
  if (backward_data_) backward_weight_.pack(weight);
}

void ConvolutionOperator::add_parameter_tasks(std::vector<ParameterTask>& tasks) {
  tasks.push_back({layer(), [this](int shards, std::size_t /*batch*/, float learning_rate) {
                     return update(shards, learning_rate);
                   }});
}

}  // namespace spot
