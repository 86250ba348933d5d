#pragma once

#include "engine/cpu/image_taps.h"
#include "engine/cpu/kernels/image_convolution.h"
#include "engine/cpu/operator.h"

namespace spot {

/// A convolution of stride 1 or 2 over the network's plain image, with a following ReLU when `relu`, by the kernels of
/// kernels/image_convolution.h. Nothing flows back into the image.
class FirstConvolutionOperator final : public Operator {
 public:
  FirstConvolutionOperator(const OperatorContext& context, const LayerSpec& layer, Edge& input, Edge& output,
                           bool relu);
  static bool can_compute(const LayerSpec& layer);

  [[nodiscard]] std::string implementation(std::string_view pass) const override;
  [[nodiscard]] bool takes_rows() const override { return true; }
  void forward(const ShardTask& task, bool training) override;
  void backward_weights(const ShardTask& task) override;
  void backward_data(const ShardTask& /*task*/) override {}
  void add_parameter_tasks(std::vector<ParameterTask>& tasks) override;
  void repack() override;

 private:
  void tell_background();

  Edge& input_;
  Edge& output_;
  ImageFrame frame_;
  kernels::ImageShape shape_;
  ImageTaps taps_;
};

}  // namespace spot
