#pragma once

#include "engine/cpu/image_taps.h"
#include "engine/cpu/kernels/pooled_image.h"
#include "engine/cpu/operator.h"

namespace spot {

/// A convolution of stride 1 over the network's plain image, ReLU and max-pooling over windows of 2 x 2, in whichever
/// order the last two stand, by the kernels of kernels/pooled_image.h. Nothing flows back into the image.
class FirstPooledConvolutionOperator final : public Operator {
 public:
  /// `output` is the pool's.
  FirstPooledConvolutionOperator(const OperatorContext& context, const LayerSpec& convolution, Edge& input,
                                 Edge& output);

  [[nodiscard]] std::string implementation(std::string_view pass) const override;
  [[nodiscard]] bool takes_rows() const override { return true; }
  void forward(const ShardTask& task, bool training) override;
  void backward_weights(const ShardTask& task) override;
  void backward_data(const ShardTask& /*task*/) override {}
  void add_parameter_tasks(std::vector<ParameterTask>& tasks) override;
  void repack() override;

 private:
  void tell_background();
  std::uint8_t* winners(const ShardTask& task, std::size_t i) {
    return winners_.data() + (task.first + i) * output_.sample_size();
  }

  Edge& input_;
  Edge& output_;
  ImageFrame frame_;
  kernels::PooledImageShape shape_;
  ImageTaps taps_;
  AlignedBuffer<std::uint8_t> winners_;  // [sample of the batch][output / block][window][block]
};

}  // namespace spot
