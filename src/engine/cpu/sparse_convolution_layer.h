#pragma once

#include <optional>

#include "engine/cpu/image_frame.h"
#include "engine/cpu/kernels/sparse_convolution.h"
#include "engine/cpu/operator.h"
#include "engine/cpu/winograd_convolution.h"

namespace spot {

/// A convolution of stride 1 and ReLU, or these and max-pooling over windows of 2 x 2, in whichever order the last two
/// stand: one pass forward that skips the input's zeros, and backward a sparse list of differences
/// (kernels/window_shape.h and its neighbours). With a pool over the network's plain image, whose few channels fill no
/// vector, it works on the image unfolded: each pixel of the convolution's output with all pixels under its taps as
/// channels, a kernel of 1 x 1. In fast mode a convolution of 3 x 3 with a pool has a forward pass of its own
/// (winograd_convolution.h).
class SparseConvolutionOperator final : public Operator {
 public:
  /// `output` is the pool's, if it `pools`.
  SparseConvolutionOperator(const OperatorContext& context, const LayerSpec& convolution, Edge& input, Edge& output,
                            bool pools);
  static bool can_compute(const LayerSpec& convolution, const LayerSpec& pool, bool plain_input);
  /// Without a pool, over an image in blocks.
  static bool can_compute(const LayerSpec& convolution);

  [[nodiscard]] std::string implementation(std::string_view pass) const override;
  [[nodiscard]] bool takes_rows() const override { return true; }
  void forward(const ShardTask& task, bool training) override;
  void backward_weights(const ShardTask& task) override;
  void backward_data(const ShardTask& task) override;
  void add_parameter_tasks(std::vector<ParameterTask>& tasks) override;
  void repack() override;
  void repack_shared() override;

 private:
  /// What a worker needs for one image.
  struct Scratch {
    AlignedBuffer<float> unfolded;  // [channel / block][output pixel][block]
    AlignedBuffer<float> values;    // the list of active input channels
    AlignedBuffer<std::uint32_t> offsets, counts;
    AlignedBuffer<std::uint8_t> background;  // [window]
    AlignedBuffer<std::uint8_t> columns;     // [column of the image]
    AlignedBuffer<std::uint8_t> windows;     // likewise, what is known of each
    AlignedBuffer<std::uint8_t> needed;      // [pixel]
    AlignedBuffer<float> differences;        // by the framed input
    AlignedBuffer<float> entry_values;       // the list of differences
    AlignedBuffer<std::uint64_t> winners;
    AlignedBuffer<kernels::SparseEntry> entries;
    AlignedBuffer<std::uint32_t> entry_counts;
  };

  void make_shape(const LayerSpec& convolution, bool pools);
  void make_scratch();
  const float* image(const ShardTask& task, std::size_t i);
  /// Which pixels of the image are background; null where that is not known, or the image has a frame.
  const std::uint8_t* background_pixels(const ShardTask& task, std::size_t i);
  const std::uint8_t* background_windows(const ShardTask& task, std::size_t i, Scratch& scratch);
  const std::uint8_t* known_windows(const ShardTask& task, std::size_t i, Scratch& scratch);
  const std::uint8_t* needed_pixels(const std::uint8_t* windows, Scratch& scratch) const;
  kernels::SparseDifference differences_of(Scratch& scratch) const;
  /// visit(output, tap, channel, place in the canonical weight) for every weight.
  template <typename Visit>
  void for_each_weight(Visit visit) const;
  void pack();
  double update(int shards, float learning_rate);
  std::uint8_t* winners(const ShardTask& task, std::size_t i) {
    return winners_.data() + (task.first + i) * shape_.windows() * shape_.output_channels;
  }

  OperatorContext context_;
  Edge& input_;
  Edge& output_;
  const TensorSpec& weight_;
  const TensorSpec& bias_;
  bool unfolds_;
  std::size_t convolution_kernel_;
  std::size_t top_, left_;  ///< padding
  ImageFrame frame_;
  kernels::WindowShape shape_;

  AlignedBuffer<float> forward_weights_;   // [output / chunk][input, and the background][tap][chunk]
  AlignedBuffer<float> backward_weights_;  // [input / block][output][tap][block]; empty when nothing flows back
  AlignedBuffer<float> bias_values_;       // [output]
  AlignedBuffer<std::uint8_t> winners_;    // [sample of the batch][output / block][window][block], of a pool
  std::size_t gradient_size_ = 0;          ///< of one shard: weights, [output][tap][input], then bias
  AlignedBuffer<float> gradients_;         // [shard][gradient_size_]
  AlignedBuffer<float> gradient_sum_;      // [gradient_size_]
  std::vector<Scratch> scratch_;           // [worker]
  std::optional<WinogradConvolution> winograd_;
};

}  // namespace spot
