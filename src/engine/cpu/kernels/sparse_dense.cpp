// Forward, one tile of inputs at a time so that its weights stay in the cache while all samples pass by: of each
// sample's tile the inputs that are not zero (a ReLU's and a dropout's zeros) are listed, and each adds its row of
// weights to the sample's outputs.
//
// Backward it is the output's differences that are sparse. For a tile of inputs,
//     input_difference[sample][i] = sum over the sample's entries of difference * weight[i][output],
//     gradient[i][output] = sum over the output's entries of difference * input[sample][i],
// where neighbouring i fill the vectors, so the tile's weights are transposed before and its gradients behind.

#include "engine/cpu/kernels/sparse_dense.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "engine/cpu/kernels/targets.h"
#include "engine/cpu/kernels/transpose.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/sparse_dense.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "engine/cpu/kernels/mask_bits-inl.h"

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Tag>;
constexpr std::size_t kLanes = HWY_MIN(HWY_LANES(float), 16);

/// Inputs whose weights stay in a first-level cache.
constexpr std::size_t kForwardTile = 64;

/// Samples between the one in work and the one that is fetched. Their rows are too far apart for the processor to see
/// a pattern.
constexpr std::size_t kSamplesAhead = 4;

/// May reach behind the memory that is there: nothing is read.
HWY_INLINE void prefetch(const float* values, std::size_t count) {
  constexpr std::size_t kCacheLine = 16;
  for (std::size_t i = 0; i < count; i += kCacheLine) hwy::Prefetch(values + i);
}

/// Bit i: input i of the tile is not zero.
HWY_INLINE std::uint64_t active_inputs(const float* input, std::size_t count) {
  const Tag d;
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < count; i += kLanes) {
    bits |= bits_of(d, hn::Ne(hn::LoadU(d, input + i), hn::Zero(d))) << i;
  }
  return bits;
}

template <std::size_t... i>
HWY_INLINE void add_all(const Vector (&sums)[sizeof...(i)], float* to, std::index_sequence<i...> /*vectors*/) {
  (hn::StoreU(hn::Add(hn::LoadU(Tag(), to + i * kLanes), sums[i]), Tag(), to + i * kLanes), ...);
}

template <std::size_t... i>
HWY_INLINE void store_all(const Vector (&sums)[sizeof...(i)], float* to, std::index_sequence<i...> /*vectors*/) {
  (hn::StoreU(sums[i], Tag(), to + i * kLanes), ...);
}

template <std::size_t... i>
HWY_INLINE void add_row(Vector (&sums)[sizeof...(i)], float factor, const float* row,
                        std::index_sequence<i...> /*vectors*/) {
  const Vector value = hn::Set(Tag(), factor);
  ((sums[i] = hn::MulAdd(value, hn::LoadU(Tag(), row + i * kLanes), sums[i])), ...);
}

/// Adds the tile's rows of weights to `vectors` vectors of outputs. A sum of its own for each tile keeps the rounding
/// error of thousands of additions small.
template <std::size_t vectors>
HWY_INLINE void add_tile(std::uint64_t active, const float* input, const float* weights, std::size_t outputs,
                         float* output) {
  constexpr auto kVectors = std::make_index_sequence<vectors>();
  Vector sums[vectors];
  for (Vector& sum : sums) sum = hn::Zero(Tag());
  for (; active != 0; active &= active - 1) {
    const auto i = static_cast<std::size_t>(std::countr_zero(active));
    add_row(sums, input[i], weights + i * outputs, kVectors);
  }
  add_all(sums, output, kVectors);
}

void add_tile_to_outputs(std::uint64_t active, const float* input, const float* weights, std::size_t outputs,
                         float* output) {
  std::size_t first = 0;
  for (; first + 8 * kLanes <= outputs; first += 8 * kLanes)
    add_tile<8>(active, input, weights + first, outputs, output + first);
  for (; first < outputs; first += kLanes) add_tile<1>(active, input, weights + first, outputs, output + first);
}

void sparse_dense_forward_here(const DenseForward& pass) {
  const Tag d;
  for (std::size_t n = 0; n < pass.samples; ++n) std::copy_n(pass.bias, pass.outputs, pass.output + n * pass.outputs);
  for (std::size_t first = 0; first < pass.inputs; first += kForwardTile) {
    const std::size_t count = std::min(kForwardTile, pass.inputs - first);
    for (std::size_t n = 0; n < pass.samples; ++n) {
      const float* input = pass.input + n * pass.input_pitch + first;
      prefetch(input + kSamplesAhead * pass.input_pitch, count);
      add_tile_to_outputs(active_inputs(input, count), input, pass.weights + first * pass.outputs, pass.outputs,
                          pass.output + n * pass.outputs);
    }
  }
  if (!pass.relu) return;
  for (std::size_t i = 0; i < pass.samples * pass.outputs; i += kLanes) {
    const auto value = hn::LoadU(d, pass.output + i);
    hn::StoreU(hn::IfThenElseZero(hn::Gt(value, hn::Zero(d)), value), d, pass.output + i);
  }
}

/// result[0 … vectors * kLanes) = sum over the entries of difference * rows[entry.row …].
template <std::size_t vectors>
HWY_INLINE void sum_rows(const DenseEntry* entries, std::uint32_t count, const float* rows, float* result) {
  constexpr auto kVectors = std::make_index_sequence<vectors>();
  Vector sums[vectors];
  for (Vector& sum : sums) sum = hn::Zero(Tag());
  for (std::uint32_t k = 0; k < count; ++k) add_row(sums, entries[k].difference, rows + entries[k].row, kVectors);
  store_all(sums, result, kVectors);
}

void sum_rows_of_tile(const DenseEntry* entries, std::uint32_t count, const float* rows, std::size_t width,
                      float* result) {
  if (width == kDenseTile && kLanes >= 8) return sum_rows<kDenseTile / kLanes>(entries, count, rows, result);
  for (std::size_t i = 0; i < width; i += kLanes) sum_rows<1>(entries, count, rows + i, result + i);
}

void sparse_dense_backward_here(const DenseBackward& pass) {
  float* transposed = pass.scratch;                        // [output][kDenseTile]: weights, then gradients
  float* inputs = transposed + pass.outputs * kDenseTile;  // [sample][kDenseTile]
  const DenseDifferences& lists = pass.lists;
  if (pass.input_difference != nullptr) {
    transpose(pass.weights + pass.first * pass.outputs, pass.outputs, pass.count, pass.outputs, transposed, kDenseTile);
    for (std::size_t n = 0; n < pass.samples; ++n) {
      sum_rows_of_tile(lists.by_sample + n * pass.outputs, lists.sample_counts[n], transposed, pass.count,
                       pass.input_difference + n * pass.input_pitch + pass.first);
    }
  }
  for (std::size_t n = 0; n < pass.samples; ++n) {
    const float* input = pass.input + n * pass.input_pitch + pass.first;
    prefetch(input + kSamplesAhead * pass.input_pitch, pass.count);
    std::copy_n(input, pass.count, inputs + n * kDenseTile);
  }
  for (std::size_t o = 0; o < pass.outputs; ++o) {
    sum_rows_of_tile(lists.by_output + o * lists.batch_pitch, lists.output_counts[o], inputs, pass.count,
                     transposed + o * kDenseTile);
  }
  transpose(transposed, kDenseTile, pass.outputs, pass.count, pass.gradient + pass.first * pass.outputs, pass.outputs);
}

}  // namespace spot::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace spot::kernels {

HWY_EXPORT(sparse_dense_forward_here);
HWY_EXPORT(sparse_dense_backward_here);

void sparse_dense_forward(const DenseForward& pass) {
  HWY_DYNAMIC_DISPATCH(sparse_dense_forward_here)(pass);
}

void list_dense_differences(const float* differences, std::size_t samples, std::size_t outputs,
                            const DenseDifferences& lists) {
  std::fill_n(lists.output_counts, outputs, 0U);
  for (std::size_t n = 0; n < samples; ++n) {
    DenseEntry* entries = lists.by_sample + n * outputs;
    std::uint32_t count = 0;
    for (std::size_t o = 0; o < outputs; ++o) {
      const float difference = differences[n * outputs + o];
      if (difference == 0) continue;
      entries[count++] = {difference, static_cast<std::uint32_t>(o * kDenseTile)};
      lists.by_output[o * lists.batch_pitch + lists.output_counts[o]++] = {difference,
                                                                           static_cast<std::uint32_t>(n * kDenseTile)};
    }
    lists.sample_counts[n] = count;
  }
}

std::size_t dense_scratch(std::size_t outputs, std::size_t samples) {
  return (outputs + samples) * kDenseTile;
}

void sparse_dense_backward(const DenseBackward& pass) {
  HWY_DYNAMIC_DISPATCH(sparse_dense_backward_here)(pass);
}

}  // namespace spot::kernels
#endif
