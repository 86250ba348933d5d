#include "engine/cpu/plain_input_gradient.h"

#include <algorithm>

#include "base/simd.h"

namespace spot {
namespace {

/// The widest block of channels of any layout.
constexpr std::int64_t kLanes = 16;

/// Values of one kernel position against one row of differences: sums[lane] += value[x * stride] *
/// difference[x][lane].
SPOT_SIMD void accumulate_row(const float* values, std::int64_t stride, const float* differences, std::int64_t block,
                              std::int64_t length, float* sums) {
  for (std::int64_t x = 0; x < length; ++x) {
    const float value = values[x * stride];
    for (std::int64_t lane = 0; lane < block; ++lane) {
      sums[lane] += value * differences[x * block + lane];
    }
  }
}

/// Positions p of `size` for which p * stride + shift lies in [0, limit): first and one past the last.
struct Span {
  std::int64_t first, end;
};
Span inside(std::int64_t shift, std::int64_t stride, std::int64_t limit, std::int64_t size) {
  const std::int64_t first = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
  const std::int64_t end = limit > shift ? (limit - shift + stride - 1) / stride : 0;
  return {first, std::max(first, std::min(size, end))};
}

}  // namespace

PlainInputGradient::PlainInputGradient(const LayerSpec& layer)
    : kernel_{layer.kernel[0], layer.kernel[1]},
      stride_{layer.stride[0], layer.stride[1]},
      padding_{layer.padding[0], layer.padding[1]} {}

void PlainInputGradient::run(const Edge& input, const float* values, const Edge& output, const float* differences,
                             std::size_t count, float* weight, float* bias) const {
  const Shape3 in = input.shape();
  const Shape3 out = output.shape();
  const std::int64_t block = output.block();
  static constexpr float kOnes[1] = {1.0F};
  for (std::int64_t o = 0; o < out.channels; o += block) {
    const std::int64_t width = std::min(block, out.channels - o);
    // One task of the sum for each weight position, and one for the bias behind them.
    for (std::int64_t position = 0; position <= in.channels * kernel_[0] * kernel_[1]; ++position) {
      const bool is_bias = position == in.channels * kernel_[0] * kernel_[1];
      const std::int64_t channel = position / (kernel_[0] * kernel_[1]);
      const std::int64_t row_shift = position / kernel_[1] % kernel_[0] - padding_[0];
      const std::int64_t column_shift = position % kernel_[1] - padding_[1];
      const Span rows = is_bias ? Span{0, out.height} : inside(row_shift, stride_[0], in.height, out.height);
      const Span columns = is_bias ? Span{0, out.width} : inside(column_shift, stride_[1], in.width, out.width);
      float sums[kLanes] = {};
      for (std::size_t sample = 0; sample < count; ++sample) {
        const float* image = values + sample * input.sample_size() + channel * in.height * in.width;
        const float* plane = differences + sample * output.sample_size() + o * out.height * out.width;
        for (std::int64_t y = rows.first; y < rows.end; ++y) {
          const float* row =
              is_bias ? kOnes
                      : image + (y * stride_[0] + row_shift) * in.width + columns.first * stride_[1] + column_shift;
          accumulate_row(row, is_bias ? 0 : stride_[1], plane + (y * out.width + columns.first) * block, block,
                         columns.end - columns.first, sums);
        }
      }
      for (std::int64_t lane = 0; lane < width; ++lane) {
        if (is_bias) {
          bias[o + lane] = sums[lane];
        } else {
          weight[(o + lane) * in.channels * kernel_[0] * kernel_[1] + position] = sums[lane];
        }
      }
    }
  }
}

}  // namespace spot
