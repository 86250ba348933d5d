#pragma once

#include <cstddef>
#include <cstdint>

namespace spot::kernels {

// A dense layer of many inputs whose input rows and output differences are full of zeros. Weights and their
// gradients lie input by input, [input][output]. Inputs and outputs are multiples of kDenseMultiple.

constexpr std::size_t kDenseMultiple = 16;
/// Inputs that one task of the backward pass takes.
constexpr std::size_t kDenseTile = 96;

struct DenseForward {
  std::size_t inputs, outputs, samples;
  const float* input;  // [sample][input_pitch]
  std::size_t input_pitch;
  const float* weights;  // [input][output]
  const float* bias;     // [output]
  bool relu;
  float* output;  // [sample][output]
};

/// output = bias + weights * input, clamped at 0 when `relu`. A sum runs over the inputs that are not zero, in
/// ascending order.
void sparse_dense_forward(const DenseForward& pass);

/// A difference that is not zero, and where the row that it multiplies begins in a tile.
struct DenseEntry {
  float difference;
  std::uint32_t row;
};

/// The nonzero differences of a batch, once by sample and once by output, in ascending order.
struct DenseDifferences {
  DenseEntry* by_sample;         // [sample][output]; row = output * kDenseTile
  std::uint32_t* sample_counts;  // [sample]
  DenseEntry* by_output;         // [output][batch_pitch]; row = sample * kDenseTile
  std::uint32_t* output_counts;  // [output]
  std::size_t batch_pitch;
};

/// differences: [sample][output].
void list_dense_differences(const float* differences, std::size_t samples, std::size_t outputs,
                            const DenseDifferences& lists);

struct DenseBackward {
  std::size_t outputs, samples;
  std::size_t first, count;  ///< inputs of the tile; count is a multiple of kDenseMultiple
  DenseDifferences lists;
  const float* weights;     // [input][output], of all inputs
  float* gradient;          // likewise; the tile's part is overwritten
  const float* input;       // [sample][input_pitch], of all inputs
  float* input_difference;  // likewise; null when nobody wants it
  std::size_t input_pitch;
  float* scratch;  // dense_scratch() floats
};

std::size_t dense_scratch(std::size_t outputs, std::size_t samples);

/// gradient = sum over the batch of input * difference, and input_difference = differences * weights.
void sparse_dense_backward(const DenseBackward& pass);

}  // namespace spot::kernels
