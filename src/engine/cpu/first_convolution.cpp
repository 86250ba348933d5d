#include "engine/cpu/first_convolution.h"

#include <algorithm>

namespace spot {

bool FirstConvolutionOperator::can_compute(const LayerSpec& layer) {
  constexpr std::int64_t kMostChannels = 4;  // with more of them oneDNN's lanes are well filled
  return layer.input.channels <= kMostChannels && layer.stride[0] == layer.stride[1] &&
         layer.kernel[0] == layer.kernel[1] && kernels::has_image_stride(static_cast<std::size_t>(layer.stride[0])) &&
         kernels::has_image_kernel(static_cast<std::size_t>(layer.kernel[0]));
}

FirstConvolutionOperator::FirstConvolutionOperator(const OperatorContext& context, const LayerSpec& layer, Edge& input,
                                                   Edge& output, bool relu)
    : Operator(layer.name),
      input_(input),
      output_(output),
      frame_(layer, input, context.workers),
      shape_(image_shape(layer, frame_, output)),
      taps_(context, layer, shape_) {
  shape_.relu = relu;
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
    kernels::image_convolution(shape_, image, background, taps_.weights(), taps_.bias(),
                               output_.value(task) + i * output_.sample_size());
  }
}

void FirstConvolutionOperator::backward_weights(const ShardTask& task) {
  float* gradient = taps_.gradient(task);
  for (std::size_t i = 0; i < task.count; ++i) {
    const float* image = frame_.around(input_.value(task) + i * input_.sample_size(), task.worker);
    const std::size_t at = i * output_.sample_size();
    kernels::image_convolution_gradient(shape_, image, output_.background(task) + i * output_.pixels(),
                                        output_.value(task) + at, output_.difference(task) + at, gradient,
                                        taps_.bias_gradient(task));
  }
}

void FirstConvolutionOperator::repack() {
  taps_.pack();
  tell_background();
}

/// What an output is where its receptive field is empty.
void FirstConvolutionOperator::tell_background() {
  for (std::size_t output = 0; output < shape_.output_channels; ++output) {
    const float bias = taps_.bias()[output];
    output_.background_value()[output] = shape_.relu ? std::max(bias, 0.0F) : bias;
  }
}

void FirstConvolutionOperator::add_parameter_tasks(std::vector<ParameterTask>& tasks) {
  tasks.push_back({layer(), [this](int shards, std::size_t /*batch*/, float learning_rate) {
                     const double squares = taps_.update(shards, learning_rate);
                     tell_background();
                     return squares;
                   }});
}

}  // namespace spot
