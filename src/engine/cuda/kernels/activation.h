#pragma once

#include <cstdint>

#include "engine/cuda/kernels/dropout_mask.h"
#include "engine/cuda/kernels/step_table.h"

namespace spot::cuda {

enum class Pooling : std::uint8_t { kNone, kMaximum, kAverage };

/// A run of layers that one pass over memory computes: bias, ReLU, pool, ReLU, dropout, in this order and each only
/// where it is wanted. Images are [image][row][column][channel]; without a pool, input and output have the same shape.
struct ActivationBlock {
  std::uint32_t images, rows, columns, pitch;  ///< of the input; pitch is a multiple of kLanes
  std::uint32_t output_rows, output_columns;
  Pooling pooling = Pooling::kNone;
  std::uint32_t kernel[2] = {1, 1}, stride[2] = {1, 1}, padding[2] = {0, 0};
  bool relu_before = false, relu_after = false;  ///< the pool
  DropoutMask dropout = {};

  [[nodiscard]] SPOT_DEVICE std::uint32_t groups() const { return pitch / kLanes; }
  [[nodiscard]] SPOT_DEVICE std::uint32_t input_places() const { return images * rows * columns; }
  [[nodiscard]] SPOT_DEVICE std::uint32_t output_places() const { return images * output_rows * output_columns; }
  [[nodiscard]] SPOT_DEVICE bool has_relu() const { return relu_before || relu_after; }
  [[nodiscard]] bool is_identity() const { return pooling == Pooling::kNone && !has_relu() && dropout.threshold == 0; }
  /// Whether no two windows share a cell.
  [[nodiscard]] SPOT_DEVICE bool is_disjoint() const {
    return pooling != Pooling::kNone && kernel[0] <= stride[0] && kernel[1] <= stride[1];
  }
  /// Whether the way back must draw the dropout's mask once more, because the outputs' zeros do not tell it.
  [[nodiscard]] SPOT_DEVICE bool draws_back() const { return dropout.threshold != 0 && !has_relu(); }
};

SPOT_DEVICE inline float positive(float value) {
  return value > 0 ? value : 0.0F;
}

/// A thread computes the channels [channel, channel + kLanes) of one place of the output.
template <typename T>
struct ActivationForward {
  StepTable table;
  ActivationBlock block;
  const T* inputs;
  const float* bias;       ///< may be null
  T* outputs;              ///< may be the inputs, without a pool
  std::uint16_t* winners;  ///< of a maximum, the cell of its window in row-major order; null: nobody asks

  [[nodiscard]] std::uint64_t threads() const { return std::uint64_t{block.output_places()} * block.groups(); }

  SPOT_DEVICE void operator()(std::uint64_t thread) const {
    const auto i = static_cast<std::uint32_t>(thread);
    const std::uint32_t channel = i % block.groups() * kLanes, place = i / block.groups();
    const std::uint32_t pixels = block.output_rows * block.output_columns;
    const std::uint32_t image = place / pixels, pixel = place % pixels;
    const std::uint64_t at = thread * kLanes;
    Lanes values = block.pooling == Pooling::kNone
                       ? cell(at, channel)
                       : pooled(image, pixel / block.output_columns, pixel % block.output_columns, channel, at);
    for (std::uint32_t l = 0; l < kLanes && block.relu_after; ++l) values[l] = positive(values[l]);
    if (block.dropout.threshold != 0) {
      const Lanes factors = block.dropout.factors(table.inputs().step, image, pixel, channel);
      for (std::uint32_t l = 0; l < kLanes; ++l) values[l] *= factors[l];
    }
    store(outputs + at, values);
  }

 private:
  SPOT_DEVICE Lanes cell(std::uint64_t at, std::uint32_t channel) const {
    Lanes values = load(inputs + at);
    for (std::uint32_t l = 0; l < kLanes; ++l) {
      if (bias != nullptr) values[l] += bias[channel + l];
      if (block.relu_before) values[l] = positive(values[l]);
    }
    return values;
  }

  SPOT_DEVICE Lanes pooled(std::uint32_t image, std::uint32_t y, std::uint32_t x, std::uint32_t channel,
                           std::uint64_t at) const {
    const bool is_maximum = block.pooling == Pooling::kMaximum;
    Lanes result{};
    std::uint16_t winner[kLanes] = {};
    std::uint32_t cells = 0;
    for (std::uint32_t r = 0; r < block.kernel[0]; ++r) {
      const std::uint32_t row = y * block.stride[0] + r - block.padding[0];  // wraps to a large number before the image
      for (std::uint32_t c = 0; c < block.kernel[1] && row < block.rows; ++c) {
        const std::uint32_t column = x * block.stride[1] + c - block.padding[1];
        if (column >= block.columns) continue;
        const std::uint32_t place = (image * block.rows + row) * block.columns + column;
        const Lanes values = cell(std::uint64_t{place} * block.pitch + channel, channel);
        for (std::uint32_t l = 0; l < kLanes; ++l) {
          if (!is_maximum) {
            result[l] += values[l];
          } else if (cells == 0 || values[l] > result[l]) {
            result[l] = values[l];
            winner[l] = static_cast<std::uint16_t>(r * block.kernel[1] + c);
          }
        }
        ++cells;
      }
    }
    for (std::uint32_t l = 0; l < kLanes; ++l) {
      if (!is_maximum) result[l] /= static_cast<float>(cells);
      if (winners != nullptr) winners[at + l] = winner[l];
    }
    return result;
  }
};

/// The way back: the differences of the block's inputs from those of its outputs, and the sums of chunks of them that
/// the bias's gradient is made of. A thread takes kLanes channels of a chunk of places of the input, or of disjoint
/// windows: what lies between those has no difference, and the memory that it was allocated with is zero.
template <typename T>
struct ActivationBackward {
  StepTable table;
  ActivationBlock block;
  const T* inputs;    ///< of the forward pass; read for an average of ReLUs only
  const float* bias;  ///< likewise
  const T* outputs;   ///< of the forward pass; read where there is a ReLU
  const std::uint16_t* winners;
  const T* output_differences;
  T* differences;  ///< may be the output's, without a pool
  float* sums;     ///< [chunk][channel]; may be null

  static constexpr std::uint32_t kChunk = 8;  ///< places that one thread sums

  [[nodiscard]] SPOT_DEVICE std::uint32_t places() const {
    return block.is_disjoint() ? block.output_places() : block.input_places();
  }
  [[nodiscard]] std::uint32_t chunks() const { return (places() + kChunk - 1) / kChunk; }
  [[nodiscard]] std::uint64_t threads() const { return std::uint64_t{chunks()} * block.groups(); }

  SPOT_DEVICE void operator()(std::uint64_t thread) const {
    const auto i = static_cast<std::uint32_t>(thread);
    const std::uint32_t channel = i % block.groups() * kLanes, first = i / block.groups() * kChunk;
    const std::uint32_t left = places() - first;
    const std::uint32_t end = first + (left < kChunk ? left : kChunk);
    Lanes sum{};
    if (block.is_disjoint()) {
      for (std::uint32_t window = first; window < end; ++window) spread(window, channel, sum);
    } else if (block.pooling != Pooling::kNone) {
      for (std::uint32_t place = first; place < end; ++place) keep(unpooled(place, channel), place, channel, sum);
    } else if (block.draws_back()) {
      for (std::uint32_t place = first; place < end; ++place) keep(passed(place, channel), place, channel, sum);
    } else {
      // All of a group are read before the first is written, which may be where it was read.
      for (std::uint32_t place = first; place < end; place += kAhead) {
        Lanes values[kAhead];
        for (std::uint32_t k = 0; k < kAhead; ++k)
          values[k] = place + k < end ? undropped(place + k, channel) : Lanes{};
        for (std::uint32_t k = 0; k < kAhead; ++k) {
          if (place + k < end) keep(values[k], place + k, channel, sum);
        }
      }
    }
    if (sums != nullptr) store(sums + thread * kLanes, sum);
  }

 private:
  static constexpr std::uint32_t kAhead = 4;

  SPOT_DEVICE void keep(const Lanes& values, std::uint32_t place, std::uint32_t channel, Lanes& sum) const {
    store(differences + std::uint64_t{place} * block.pitch + channel, values);
    for (std::uint32_t l = 0; l < kLanes; ++l) sum[l] += values[l];
  }

  /// The output's differences at a place, behind the ReLU where there is one. Then an output of zero is one that
  /// nothing passes: it was not positive, or it was dropped.
  SPOT_DEVICE Lanes undropped(std::uint32_t place, std::uint32_t channel) const {
    const std::uint64_t at = std::uint64_t{place} * block.pitch + channel;
    Lanes values = load(output_differences + at);
    if (!block.has_relu()) return values;
    const Lanes output = load(outputs + at);
    for (std::uint32_t l = 0; l < kLanes; ++l) values[l] = output[l] > 0 ? values[l] * block.dropout.scale : 0.0F;
    return values;
  }

  /// And behind the dropout in any case.
  SPOT_DEVICE Lanes passed(std::uint32_t place, std::uint32_t channel) const {
    Lanes values = undropped(place, channel);
    if (!block.draws_back()) return values;
    const std::uint32_t pixels = block.output_rows * block.output_columns;
    const Lanes factors = block.dropout.factors(table.inputs().step, place / pixels, place % pixels, channel);
    for (std::uint32_t l = 0; l < kLanes; ++l) values[l] *= factors[l];
    return values;
  }

  /// The first and the last window that cover an input's row or column, along one axis.
  SPOT_DEVICE std::uint32_t first_window(std::uint32_t at, int axis) const {
    const std::uint32_t padded = at + block.padding[axis];
    return padded < block.kernel[axis] ? 0 : (padded - block.kernel[axis]) / block.stride[axis] + 1;
  }
  SPOT_DEVICE std::uint32_t last_window(std::uint32_t at, int axis, std::uint32_t windows) const {
    const std::uint32_t window = (at + block.padding[axis]) / block.stride[axis];
    return window < windows ? window : windows - 1;
  }

  /// What each cell of window (v, u) gets; of a maximum only the winner does.
  SPOT_DEVICE Lanes share(std::uint32_t window, std::uint32_t v, std::uint32_t u, std::uint32_t channel) const {
    Lanes values = passed(window, channel);
    if (block.pooling == Pooling::kMaximum) return values;
    const auto cells = static_cast<float>(inside(v, 0, block.rows) * inside(u, 1, block.columns));
    for (std::uint32_t l = 0; l < kLanes; ++l) values[l] /= cells;
    return values;
  }
  SPOT_DEVICE void add_share(const Lanes& share, std::uint32_t window, std::uint32_t channel, std::uint32_t cell,
                             Lanes& sum) const {
    const std::uint64_t at = std::uint64_t{window} * block.pitch + channel;
    for (std::uint32_t l = 0; l < kLanes; ++l) {
      if (block.pooling == Pooling::kAverage || winners[at + l] == cell) sum[l] += share[l];
    }
  }

  /// The differences of a place, from all windows that cover it.
  SPOT_DEVICE Lanes unpooled(std::uint32_t place, std::uint32_t channel) const {
    const std::uint32_t x = place % block.columns, y = place / block.columns % block.rows;
    const std::uint32_t image = place / block.columns / block.rows;
    Lanes result{};
    for (std::uint32_t v = first_window(y, 0); v <= last_window(y, 0, block.output_rows); ++v) {
      for (std::uint32_t u = first_window(x, 1); u <= last_window(x, 1, block.output_columns); ++u) {
        const std::uint32_t window = (image * block.output_rows + v) * block.output_columns + u;
        const std::uint32_t row = y + block.padding[0] - v * block.stride[0];
        const std::uint32_t cell = row * block.kernel[1] + x + block.padding[1] - u * block.stride[1];
        add_share(share(window, v, u, channel), window, channel, cell, result);
      }
    }
    if (block.pooling == Pooling::kAverage && block.relu_before) mask(result, place, channel);
    return result;
  }

  /// The differences of all places of a window that shares none.
  SPOT_DEVICE void spread(std::uint32_t window, std::uint32_t channel, Lanes& sum) const {
    const std::uint32_t u = window % block.output_columns, v = window / block.output_columns % block.output_rows;
    const std::uint32_t image = window / block.output_columns / block.output_rows;
    const Lanes each = share(window, v, u, channel);
    for (std::uint32_t r = 0; r < block.kernel[0]; ++r) {
      const std::uint32_t row = v * block.stride[0] + r - block.padding[0];  // wraps to a large number before the image
      for (std::uint32_t c = 0; c < block.kernel[1] && row < block.rows; ++c) {
        const std::uint32_t column = u * block.stride[1] + c - block.padding[1];
        if (column >= block.columns) continue;
        const std::uint32_t place = (image * block.rows + row) * block.columns + column;
        Lanes values{};
        add_share(each, window, channel, r * block.kernel[1] + c, values);
        if (block.pooling == Pooling::kAverage && block.relu_before) mask(values, place, channel);
        keep(values, place, channel, sum);
      }
    }
  }

  /// How many of a window's rows or columns lie in the image.
  SPOT_DEVICE std::uint32_t inside(std::uint32_t window, int axis, std::uint32_t size) const {
    const std::uint32_t begin = window * block.stride[axis], end = begin + block.kernel[axis];
    const std::uint32_t first = begin < block.padding[axis] ? block.padding[axis] : begin;
    const std::uint32_t behind = size + block.padding[axis];
    return (end < behind ? end : behind) - first;
  }

  /// Whatever the ReLU before an average let through, the average does not tell.
  SPOT_DEVICE void mask(Lanes& differences_here, std::uint32_t place, std::uint32_t channel) const {
    const Lanes values = load(inputs + std::uint64_t{place} * block.pitch + channel);
    for (std::uint32_t l = 0; l < kLanes; ++l) {
      const float value = bias != nullptr ? values[l] + bias[channel + l] : values[l];
      if (!(value > 0)) differences_here[l] = 0;
    }
  }
};

}  // namespace spot::cuda
