#include "engine/cpu/winograd_convolution.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/cpu/kernels/window_forward.h"

namespace spot {
namespace {

constexpr std::size_t kTaps = 9;

}  // namespace

bool WinogradConvolution::can_compute(const LayerSpec& convolution, const Edge& input) {
  // Over the plain image the convolution is one of 1 x 1 over the image unfolded.
  return convolution.kernel[0] == 3 && convolution.kernel[1] == 3 && input.block() != 1;
}

WinogradConvolution::WinogradConvolution(const LayerSpec& convolution, const kernels::WindowShape& shape, Edge& input,
                                         Edge& output, int workers)
    : input_(input),
      output_(output),
      shape_{.block = shape.block,
             .input_channels = shape.input_channels,
             .rows = static_cast<std::size_t>(input.shape().height),
             .columns = static_cast<std::size_t>(input.shape().width),
             .top = static_cast<std::size_t>(convolution.padding[0]),
             .left = static_cast<std::size_t>(convolution.padding[1]),
             .output_channels = shape.output_channels,
             .chunk = kernels::window_forward_chunk(shape),
             .windows_down = shape.windows_down,
             .windows_across = shape.windows_across},
      weights_(kernels::kWinogradPoints * shape.input_channels * shape.output_channels),
      norms_(shape.output_channels) {
  for (int worker = 0; worker < workers; ++worker) {
    Scratch& scratch = scratch_.emplace_back();
    scratch.kinds = AlignedBuffer<std::uint8_t>(kernels::winograd_kinds(shape_));
    scratch.done = AlignedBuffer<std::uint8_t>(input.shard_size() * shape_.windows());
    scratch.tiles = AlignedBuffer<kernels::WinogradTile>(kernels::kWinogradTiles);
    scratch.inputs = AlignedBuffer<float>(kernels::winograd_inputs(shape_));
    scratch.products = AlignedBuffer<float>(kernels::kWinogradTiles * kernels::kWinogradPoints * shape_.chunk);
  }
}

void WinogradConvolution::pack(const float* weights) {
  const std::size_t of_taps = (shape_.input_channels + 1) * kTaps * shape_.chunk;
  const std::size_t of_points = kernels::kWinogradPoints * shape_.input_channels * shape_.chunk;
  for (std::size_t chunk = 0; chunk < shape_.output_channels / shape_.chunk; ++chunk) {
    const float* taps = weights + chunk * of_taps;
    float* norms = norms_.data() + chunk * shape_.chunk;
    std::fill_n(norms, shape_.chunk, 0.0F);
    for (std::size_t i = 0; i < shape_.input_channels * kTaps * shape_.chunk; ++i) {
      norms[i % shape_.chunk] += taps[i] * taps[i];
    }
    std::transform(norms, norms + shape_.chunk, norms, [](float squares) { return std::sqrt(squares); });
    for (std::size_t channel = 0; channel < shape_.input_channels; ++channel) {
      kernels::winograd_weights(shape_, taps + channel * kTaps * shape_.chunk,
                                weights_.data() + chunk * of_points + channel * shape_.chunk);
    }
  }
}

void WinogradConvolution::pack_background() {
  const float* value = input_.background_value();
  background_size_ = std::accumulate(value, value + shape_.input_channels, 0.0F,
                                     [](float largest, float v) { return std::max(largest, std::abs(v)); });
}

bool WinogradConvolution::is_done(const ShardTask& task, std::size_t i) const {
  const std::uint8_t* windows = done(task, i);
  return std::all_of(windows, windows + shape_.windows(), [](std::uint8_t window) { return window != 0; });
}

void WinogradConvolution::forward(const ShardTask& task, const float* bias, std::uint8_t* winners) {
  Scratch& scratch = scratch_[static_cast<std::size_t>(task.worker)];
  kernels::winograd_forward(
      shape_,
      {.images = task.count,
       .input = input_.value(task),
       .input_pitch = input_.sample_size(),
       .background = input_.has_background() ? input_.background(task) : nullptr,
       .background_size = background_size_,
       .weights = weights_.data(),
       .bias = bias,
       .norms = norms_.data(),
       .rounding = kernels::winograd_rounding(static_cast<std::size_t>(input_.shape().channels)),
       .output = output_.value(task),
       .output_pitch = output_.sample_size(),
       .winners = winners,
       .done = scratch.done.data()},
      {scratch.kinds.data(), scratch.tiles.data(), scratch.inputs.data(), scratch.products.data()});
}

}  // namespace spot
