#include "engine/cpu/first_convolution.h"

#include <algorithm>

#include "engine/cpu/reduction.h"

namespace spot {

bool FirstConvolutionOperator::can_compute(const LayerSpec& layer) {
  constexpr std::int64_t kMostChannels = 4;  // with more of them oneDNN's lanes are well filled
  return layer.input.channels <= kMostChannels && layer.stride[0] == 1 && layer.stride[1] == 1 &&
         layer.kernel[0] == layer.kernel[1] && kernels::has_image_kernel(static_cast<std::size_t>(layer.kernel[0]));
}

FirstConvolutionOperator::FirstConvolutionOperator(const OperatorContext& context, const LayerSpec& layer, Edge& input,
                                                   Edge& output, bool relu)
    : Operator(layer.name),
      context_(context),
      input_(input),
      output_(output),
      weight_(*context.layout->find(layer.name + ".weight")),
      bias_(*context.layout->find(layer.name + ".bias")),
      frame_(layer, input, context.workers),
      shape_{.channels = static_cast<std::size_t>(layer.input.channels),
             .rows = frame_.rows(),
             .columns = frame_.columns(),
             .kernel = static_cast<std::size_t>(layer.kernel[0]),
             .block = static_cast<std::size_t>(output.block()),
             .output_channels = static_cast<std::size_t>(output.blocks() * output.block()),
             .relu = relu},
      gradient_size_((shape_.taps() + 1) * shape_.output_channels),
      weights_(gradient_size_),
      gradients_(static_cast<std::size_t>(context.shards) * gradient_size_),
      gradient_sum_(gradient_size_) {
  output.keep_background();
}

std::string FirstConvolutionOperator::implementation(std::string_view pass) const {
  if (pass == "backward_data") return "";
  return "direct, skips the background";
}

void FirstConvolutionOperator::forward(const ShardTask& task, bool /*training*/) {
  for (std::size_t i = 0; i < task.count; ++i) {
    const float* image = frame_.around(input_.value(task) + i * input_.sample_size(), task.worker);
    std::uint8_t* background = output_.background(task) + i * output_.pixels();
    kernels::mark_background(shape_, image, background);
    kernels::image_convolution(shape_, image, background, weights_.data(),
                               weights_.data() + shape_.taps() * shape_.output_channels,
                               output_.value(task) + i * output_.sample_size());
  }
}

void FirstConvolutionOperator::backward_weights(const ShardTask& task) {
  float* gradient = gradients_.data() + static_cast<std::size_t>(task.shard) * gradient_size_;
  if (task.row == 0) std::fill_n(gradient, gradient_size_, 0.0F);
  for (std::size_t i = 0; i < task.count; ++i) {
    const float* image = frame_.around(input_.value(task) + i * input_.sample_size(), task.worker);
    const std::size_t at = i * output_.sample_size();
    kernels::image_convolution_gradient(shape_, image, output_.background(task) + i * output_.pixels(),
                                        output_.value(task) + at, output_.difference(task) + at, gradient,
                                        gradient + shape_.taps() * shape_.output_channels);
  }
}

double FirstConvolutionOperator::update(int shards, float learning_rate) {
  sum_parts(gradients_.data(), gradient_size_, shards, gradient_size_, gradient_sum_.data());
  const std::size_t taps = shape_.taps();
  for (std::size_t output = 0; output < bias_.size; ++output) {
    for (std::size_t tap = 0; tap < taps; ++tap) {
      context_.gradients[weight_.offset + output * taps + tap] = gradient_sum_[tap * shape_.output_channels + output];
    }
    context_.gradients[bias_.offset + output] = gradient_sum_[taps * shape_.output_channels + output];
  }
  const double squares = context_.update(weight_.offset, weight_.size, learning_rate) +
                         context_.update(bias_.offset, bias_.size, learning_rate);
  repack();
  return squares;
}

void FirstConvolutionOperator::repack() {
  const std::size_t taps = shape_.taps();
  for (std::size_t output = 0; output < bias_.size; ++output) {
    for (std::size_t tap = 0; tap < taps; ++tap) {
      weights_[tap * shape_.output_channels + output] = context_.state->next()[weight_.offset + output * taps + tap];
    }
    const float bias = context_.state->next()[bias_.offset + output];
    weights_[taps * shape_.output_channels + output] = bias;
    output_.background_value()[output] = shape_.relu ? std::max(bias, 0.0F) : bias;
  }
}

void FirstConvolutionOperator::add_parameter_tasks(std::vector<ParameterTask>& tasks) {
  tasks.push_back({layer(), [this](int shards, std::size_t /*batch*/, float learning_rate) {
                     return update(shards, learning_rate);
                   }});
}

}  // namespace spot
