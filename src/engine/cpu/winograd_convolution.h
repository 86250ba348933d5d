#pragma once

#include <vector>

#include "engine/cpu/edge.h"
#include "engine/cpu/kernels/window_shape.h"
#include "engine/cpu/kernels/winograd_forward.h"
#include "engine/model_spec.h"

namespace spot {

/// What kernels/winograd_forward.h takes over of a SparseConvolutionOperator's forward pass: most windows, with fewer
/// operations, and with rounding errors about twice as large.
class WinogradConvolution {
 public:
  static bool can_compute(const LayerSpec& convolution, const Edge& input);

  /// `shape`: of the padded input.
  WinogradConvolution(const LayerSpec& convolution, const kernels::WindowShape& shape, Edge& input, Edge& output,
                      int workers);

  /// Brings the transformed weights up to date; `weights` as in kernels::WindowForward.
  void pack(const float* weights);
  /// Likewise what is known of the background.
  void pack_background();
  /// Computes most windows of most images; `winners`: of the task's first sample, or null.
  void forward(const ShardTask& task, const float* bias, std::uint8_t* winners);
  /// Which windows of the task's sample number i those were: one byte each, not zero where it is one.
  [[nodiscard]] const std::uint8_t* done(const ShardTask& task, std::size_t i) const {
    return scratch_[static_cast<std::size_t>(task.worker)].done.data() + i * shape_.windows();
  }
  /// Whether nothing of that image is left to compute.
  [[nodiscard]] bool is_done(const ShardTask& task, std::size_t i) const;

 private:
  struct Scratch {
    AlignedBuffer<std::uint8_t> kinds, done;
    AlignedBuffer<kernels::WinogradTile> tiles;
    AlignedBuffer<float> inputs, products;
  };

  Edge& input_;
  Edge& output_;
  kernels::WinogradShape shape_;
  AlignedBuffer<float> weights_;  // [output / chunk][point][input][chunk]
  AlignedBuffer<float> norms_;    // [output]
  float background_size_ = 0;
  std::vector<Scratch> scratch_;  // [worker]
};

}  // namespace spot
