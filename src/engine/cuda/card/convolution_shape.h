#pragma once

#include <array>
#include <cstdint>
#include <cudnn.h>
#include <span>
#include <string>

#include "engine/cuda/card/filter_kernels.h"
#include "engine/cuda/device.h"

namespace spot::cuda {

/// A four-dimensional tensor as cuDNN's graph API takes it: extents and strides in the order image (or filter),
/// channel, row, column, whatever their order in memory.
struct TensorShape {
  std::array<std::int64_t, 4> extents{};
  std::array<std::int64_t, 4> strides{};
};

/// Packed in memory as [count][rows][columns][channels].
TensorShape channels_last(std::int64_t count, std::int64_t channels, std::int64_t rows, std::int64_t columns);

TensorShape image_shape(const ConvolutionSpec& spec);
TensorShape filter_shape(const ConvolutionSpec& spec);
TensorShape output_shape(const ConvolutionSpec& spec);

/// The same convolution with as much padding behind as before, which is all that cuDNN's engines know. The filters
/// grow by what the smaller padding lacks, and are zero there.
struct SymmetricConvolution {
  ConvolutionSpec spec;
  std::int64_t offset[2] = {0, 0};  ///< of the filters' first row and column in the grown ones
};
SymmetricConvolution symmetric(const ConvolutionSpec& spec);
FilterWindow filter_window(const ConvolutionSpec& spec, const SymmetricConvolution& grown);

/// Whether an engine with these notes computes the same bits every time, sums directly and in float32, and rounds its
/// inputs no further than asked. A note that is unknown here is a reason against.
bool permits(std::span<const cudnnBackendNumericalNote_t> notes, bool tensor_cores);

/// For people: "the input gradient of a convolution of 128 x 32 x 26 x 26 with 64 filters of 3 x 3, …".
std::string describe(const ConvolutionSpec& spec);

}  // namespace spot::cuda
