#include "engine/cpu/first_pooled_convolution.h"

#include <algorithm>

namespace spot {

FirstPooledConvolutionOperator::FirstPooledConvolutionOperator(const OperatorContext& context,
                                                               const LayerSpec& convolution, Edge& input, Edge& output)
    : Operator(convolution.name),
      input_(input),
      output_(output),
      frame_(convolution, input, context.workers),
      shape_{image_shape(convolution, frame_, output)},
      taps_(context, convolution, shape_.convolution),
      winners_(static_cast<std::size_t>(context.shards) * context.shard_size * output.sample_size()) {
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
    kernels::pooled_image(shape_, image, background, taps_.weights(), taps_.bias(),
                          output_.value(task) + i * output_.sample_size(), training ? winners(task, i) : nullptr);
  }
}

void FirstPooledConvolutionOperator::backward_weights(const ShardTask& task) {
  float* gradient = taps_.gradient(task);
  for (std::size_t i = 0; i < task.count; ++i) {
    const float* image = frame_.around(input_.value(task) + i * input_.sample_size(), task.worker);
    kernels::pooled_image_gradient(shape_, image, output_.background(task) + i * output_.pixels(),
                                   output_.difference(task) + i * output_.sample_size(), winners(task, i), gradient,
                                   taps_.bias_gradient(task));
  }
}

void FirstPooledConvolutionOperator::repack() {
  taps_.pack();
  tell_background();
}

/// What an output is where its receptive field is empty.
void FirstPooledConvolutionOperator::tell_background() {
  for (std::size_t output = 0; output < shape_.convolution.output_channels; ++output) {
    const float bias = taps_.bias()[output];
    output_.background_value()[output] = std::max(bias, 0.0F);
  }
}

void FirstPooledConvolutionOperator::add_parameter_tasks(std::vector<ParameterTask>& tasks) {
  tasks.push_back({layer(), [this](int shards, std::size_t /*batch*/, float learning_rate) {
                     const double squares = taps_.update(shards, learning_rate);
                     tell_background();
                     return squares;
                   }});
}

}  // namespace spot
