#include "engine/cpu/first_pooled_convolution.h"

#include <algorithm>

#include "engine/cpu/reduction.h"

namespace spot {

FirstPooledConvolutionOperator::FirstPooledConvolutionOperator(const OperatorContext& context,
                                                               const LayerSpec& convolution, Edge& input, Edge& output)
    : Operator(convolution.name),
      context_(context),
      input_(input),
      output_(output),
      weight_(*context.layout->find(convolution.name + ".weight")),
      bias_(*context.layout->find(convolution.name + ".bias")),
      frame_(convolution, input, context.workers),
      shape_{{.channels = static_cast<std::size_t>(convolution.input.channels),
              .rows = frame_.rows(),
              .columns = frame_.columns(),
              .kernel = static_cast<std::size_t>(convolution.kernel[0]),
              .block = static_cast<std::size_t>(output.block()),
              .output_channels = static_cast<std::size_t>(output.blocks() * output.block())}},
      gradient_size_((shape_.convolution.taps() + 1) * shape_.convolution.output_channels),
      weights_(gradient_size_),
      winners_(static_cast<std::size_t>(context.shards) * context.shard_size * output.sample_size()),
      gradients_(static_cast<std::size_t>(context.shards) * gradient_size_),
      gradient_sum_(gradient_size_) {
  output.keep_background();
}

std::string FirstPooledConvolutionOperator::implementation(std::string_view pass) const {
  if (pass == "forward") return "convolution, ReLU and pool in one, direct, skips the background";
  return pass == "backward_weights" ? "direct, by winners, skips the background" : "";
}

void FirstPooledConvolutionOperator::forward(const ShardTask& task, bool training) {
  for (std::size_t i = 0; i < task.count; ++i) {
    const float* image = frame_.around(input_.value(task) + i * input_.sample_size(), task.worker);
    std::uint8_t* background = output_.background(task) + i * output_.pixels();
    kernels::mark_background_windows(shape_, image, background);
    kernels::pooled_image(shape_, image, background, weights_.data(),
                          weights_.data() + shape_.convolution.taps() * shape_.convolution.output_channels,
                          output_.value(task) + i * output_.sample_size(), training ? winners(task, i) : nullptr);
  }
}

void FirstPooledConvolutionOperator::backward_weights(const ShardTask& task) {
  float* gradient = gradients_.data() + static_cast<std::size_t>(task.shard) * gradient_size_;
  if (task.row == 0) std::fill_n(gradient, gradient_size_, 0.0F);
  for (std::size_t i = 0; i < task.count; ++i) {
    const float* image = frame_.around(input_.value(task) + i * input_.sample_size(), task.worker);
    kernels::pooled_image_gradient(shape_, image, output_.background(task) + i * output_.pixels(),
                                   output_.difference(task) + i * output_.sample_size(), winners(task, i), gradient,
                                   gradient + shape_.convolution.taps() * shape_.convolution.output_channels);
  }
}

double FirstPooledConvolutionOperator::update(int shards, float learning_rate) {
  sum_parts(gradients_.data(), gradient_size_, shards, gradient_size_, gradient_sum_.data());
  const std::size_t taps = shape_.convolution.taps(), outputs = shape_.convolution.output_channels;
  for (std::size_t output = 0; output < bias_.size; ++output) {
    for (std::size_t tap = 0; tap < taps; ++tap) {
      context_.gradients[weight_.offset + output * taps + tap] = gradient_sum_[tap * outputs + output];
    }
    context_.gradients[bias_.offset + output] = gradient_sum_[taps * outputs + output];
  }
  const double squares = context_.update(weight_.offset, weight_.size, learning_rate) +
                         context_.update(bias_.offset, bias_.size, learning_rate);
  repack();
  return squares;
}

void FirstPooledConvolutionOperator::repack() {
  const std::size_t taps = shape_.convolution.taps(), outputs = shape_.convolution.output_channels;
  const float* state = context_.state->next();
  for (std::size_t output = 0; output < bias_.size; ++output) {
    for (std::size_t tap = 0; tap < taps; ++tap) {
      weights_[tap * outputs + output] = state[weight_.offset + output * taps + tap];
    }
    const float bias = state[bias_.offset + output];
    weights_[taps * outputs + output] = bias;
    output_.background_value()[output] = std::max(bias, 0.0F);
  }
}

void FirstPooledConvolutionOperator::add_parameter_tasks(std::vector<ParameterTask>& tasks) {
  tasks.push_back({layer(), [this](int shards, std::size_t /*batch*/, float learning_rate) {
                     return update(shards, learning_rate);
                   }});
}

}  // namespace spot
