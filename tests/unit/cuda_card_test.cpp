#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/status.h"
#include "engine/cuda/card/convolution_shape.h"
#include "engine/cuda/card/errors.h"
#include "engine/cuda/card/filter_kernels.h"
#include "engine/cuda/card/product_layout.h"
#include "support/text.h"

// What the card's operations are asked for and how its failures are told: all that needs no card.

using namespace spot;
using namespace spot::cuda;
using spot::test::contains;

namespace {

std::size_t index(std::int64_t value) {
  return static_cast<std::size_t>(value);
}

/// Small whole numbers, so that sums are exact in any order.
std::vector<float> numbers(std::int64_t size, int seed) {
  std::vector<float> values(index(size));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>((i * 7 + index(seed)) % 11) - 5;
  return values;
}

ConvolutionSpec convolution(std::array<std::int64_t, 2> kernel, std::array<std::int64_t, 2> stride,
                            std::array<std::int64_t, 4> padding) {
  ConvolutionSpec spec;
  spec.images = 2, spec.channels = 3, spec.rows = 7, spec.columns = 6, spec.filters = 2;
  std::copy(kernel.begin(), kernel.end(), spec.kernel);
  std::copy(stride.begin(), stride.end(), spec.stride);
  std::copy(padding.begin(), padding.end(), spec.padding);
  spec.output_rows = (spec.rows + padding[0] + padding[2] - kernel[0]) / stride[0] + 1;
  spec.output_columns = (spec.columns + padding[1] + padding[3] - kernel[1]) / stride[1] + 1;
  return spec;
}

std::size_t at(const TensorShape& shape, std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) {
  return index(n * shape.strides[0] + c * shape.strides[1] + y * shape.strides[2] + x * shape.strides[3]);
}

/// visit(image cell, filter cell, output cell) for each product of the convolution that is not with padding.
template <typename Visit>
void for_each_product(const ConvolutionSpec& spec, Visit visit) {
  const TensorShape image = image_shape(spec), filters = filter_shape(spec), output = output_shape(spec);
  for (std::int64_t n = 0; n < spec.images; ++n)
    for (std::int64_t k = 0; k < spec.filters; ++k)
      for (std::int64_t row = 0; row < spec.output_rows; ++row)
        for (std::int64_t column = 0; column < spec.output_columns; ++column)
          for (std::int64_t c = 0; c < spec.channels; ++c)
            for (std::int64_t i = 0; i < spec.kernel[0]; ++i)
              for (std::int64_t j = 0; j < spec.kernel[1]; ++j) {
                const std::int64_t y = row * spec.stride[0] + i - spec.padding[0];
                const std::int64_t x = column * spec.stride[1] + j - spec.padding[1];
                if (y < 0 || y >= spec.rows || x < 0 || x >= spec.columns) continue;
                visit(at(image, n, c, y, x), at(filters, k, c, i, j), at(output, n, k, row, column));
              }
}

std::vector<float> convolve(const ConvolutionSpec& spec, const std::vector<float>& image,
                            const std::vector<float>& filters) {
  std::vector<float> output(index(spec.images * spec.output_rows * spec.output_columns * spec.filters));
  for_each_product(spec,
                   [&](std::size_t i, std::size_t f, std::size_t o) { output.at(o) += image.at(i) * filters.at(f); });
  return output;
}

template <typename OneKernel>
void run(const OneKernel& kernel) {
  for (std::uint64_t i = 0; i < kernel.threads(); ++i) kernel(i);
}

float element(const std::vector<float>& matrix, const ColumnMajor& layout, std::int64_t row, std::int64_t column) {
  if (layout.transposed) std::swap(row, column);
  return matrix.at(index(row + column * layout.rows));
}

/// What cublasLt computes for the layouts.
std::vector<float> multiply(const ColumnMajorProduct& product, const std::vector<float>& left,
                            const std::vector<float>& right, std::int64_t k) {
  std::vector<float> result(index(product.result.rows * product.result.columns));
  for (std::int64_t row = 0; row < product.result.rows; ++row)
    for (std::int64_t column = 0; column < product.result.columns; ++column)
      for (std::int64_t i = 0; i < k; ++i) {
        result[index(row + column * product.result.rows)] +=
            element(left, product.left, row, i) * element(right, product.right, i, column);
      }
  return result;
}

/// The definition in device.h.
std::vector<float> multiply(const ProductSpec& spec, const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<float> result(index(spec.m * spec.n));
  for (std::int64_t m = 0; m < spec.m; ++m)
    for (std::int64_t n = 0; n < spec.n; ++n)
      for (std::int64_t k = 0; k < spec.k; ++k) {
        result[index(m * spec.n + n)] += a.at(index(spec.transposed_a ? k * spec.m + m : m * spec.k + k)) *
                                         b.at(index(spec.transposed_b ? n * spec.k + k : k * spec.n + n));
      }
  return result;
}

template <typename Failure>
std::string message_of(Failure failure) {
  try {
    check(failure, "the call");
  } catch (const Error& error) {
    CHECK(error.status() == status_of(failure));
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a tensor is channels-last in memory, and named in cuDNN's order") {
  const TensorShape shape = channels_last(2, 3, 4, 5);
  CHECK(shape.extents == std::array<std::int64_t, 4>{2, 3, 4, 5});
  CHECK(at(shape, 1, 2, 3, 4) == 2 * 3 * 4 * 5 - 1);
  CHECK(at(shape, 0, 1, 0, 0) == 1);
  CHECK(at(shape, 0, 0, 0, 1) == 3);
  CHECK(at(shape, 0, 0, 1, 0) == 15);
  CHECK(at(shape, 1, 0, 0, 0) == 60);
}

TEST_CASE("a convolution with unlike paddings is one with like paddings and zeros in its filters") {
  const std::vector<ConvolutionSpec> specs = {
      convolution({3, 3}, {1, 1}, {1, 1, 1, 1}), convolution({2, 2}, {1, 1}, {0, 0, 1, 1}),
      convolution({2, 4}, {2, 2}, {0, 1, 1, 2}), convolution({3, 2}, {2, 1}, {2, 1, 0, 0}),
      convolution({3, 3}, {2, 3}, {0, 0, 3, 1}), convolution({5, 1}, {1, 2}, {3, 0, 1, 2}),
  };
  for (const ConvolutionSpec& spec : specs) {
    CAPTURE(describe(spec));
    const SymmetricConvolution grown = symmetric(spec);
    for (int axis = 0; axis < 2; ++axis) {
      CHECK(grown.spec.padding[axis] == grown.spec.padding[axis + 2]);
      const std::int64_t size = axis == 0 ? spec.rows : spec.columns;
      CHECK((size + 2 * grown.spec.padding[axis] - grown.spec.kernel[axis]) / spec.stride[axis] + 1 ==
            (axis == 0 ? spec.output_rows : spec.output_columns));
    }
    const FilterWindow window = filter_window(spec, grown);
    const auto image = numbers(spec.images * spec.rows * spec.columns * spec.channels, 3);
    const auto filters = numbers(static_cast<std::int64_t>(window.size()), 5);
    std::vector<float> planned(window.grown_size());
    run(Grow<float>{window, filters.data(), planned.data()});
    CHECK(convolve(grown.spec, image, planned) == convolve(spec, image, filters));
    std::vector<float> again(window.size());
    run(Crop{window, planned.data(), again.data()});
    CHECK(again == filters);
  }
}

TEST_CASE("bfloat16 is widened exactly") {
  const std::vector<std::uint16_t> halves = {0x0000, 0x8000, 0x3f80, 0xc049, 0x0001, 0x7f80};
  std::vector<float> floats(halves.size());
  run(Widen{halves.data(), floats.data(), halves.size()});
  CHECK(floats[0] == 0);
  CHECK(std::signbit(floats[1]));
  CHECK(floats[2] == 1);
  CHECK(floats[3] == -3.140625F);
  CHECK(floats[4] == std::ldexp(1.0F, -133));
  CHECK(std::isinf(floats[5]));
}

TEST_CASE("a convolution with like paddings stays as it is") {
  const SymmetricConvolution same = symmetric(convolution({3, 5}, {1, 1}, {1, 2, 1, 2}));
  CHECK(same.spec.kernel[0] == 3);
  CHECK(same.spec.kernel[1] == 5);
  CHECK(same.offset[0] == 0);
  CHECK(same.offset[1] == 0);
}

TEST_CASE("only engines are taken that are deterministic, direct and as exact as asked") {
  using Notes = std::vector<cudnnBackendNumericalNote_t>;
  CHECK(permits(Notes{}, false));
  CHECK(permits(Notes{CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP}, false));
  CHECK_FALSE(permits(Notes{CUDNN_NUMERICAL_NOTE_TENSOR_CORE}, false));
  CHECK(permits(Notes{CUDNN_NUMERICAL_NOTE_TENSOR_CORE}, true));
  for (const auto note :
       {CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS,
        CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION, CUDNN_NUMERICAL_NOTE_FFT, CUDNN_NUMERICAL_NOTE_WINOGRAD,
        CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4, CUDNN_NUMERICAL_NOTE_TYPE_COUNT /* which only a later cuDNN knows */}) {
    CHECK_FALSE(permits(Notes{note}, false));
    CHECK_FALSE(permits(Notes{CUDNN_NUMERICAL_NOTE_TENSOR_CORE, note}, true));
  }
}

TEST_CASE("a row-major product is handed over as a column-major one") {
  for (const bool transposed_a : {false, true}) {
    for (const bool transposed_b : {false, true}) {
      CAPTURE(transposed_a);
      CAPTURE(transposed_b);
      ProductSpec spec;
      spec.m = 3, spec.n = 4, spec.k = 5;
      spec.transposed_a = transposed_a, spec.transposed_b = transposed_b;
      const auto a = numbers(spec.m * spec.k, 1), b = numbers(spec.k * spec.n, 2);
      CHECK(multiply(column_major(spec), b, a, spec.k) == multiply(spec, a, b));
    }
  }
}

TEST_CASE("a failure keeps its words and says what it is to the caller") {
  CHECK(message_of(cudaSuccess).empty());
  CHECK(status_of(cudaErrorMemoryAllocation) == Status::kNoMemory);
  CHECK(status_of(cudaErrorNoKernelImageForDevice) == Status::kUnsupported);
  CHECK(contains(message_of(cudaErrorNoKernelImageForDevice), "CMAKE_CUDA_ARCHITECTURES"));
  CHECK(contains(message_of(cudaErrorInitializationError), "use device=cpu"));
  CHECK(contains(message_of(cudaErrorInvalidValue), "the call: invalid argument (cudaErrorInvalidValue)"));

  CHECK(message_of(CUDNN_STATUS_SUCCESS).empty());
  CHECK(status_of(CUDNN_STATUS_NOT_SUPPORTED_SHAPE) == Status::kUnsupported);
  CHECK(status_of(CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED) == Status::kNoMemory);
  CHECK(status_of(CUDNN_STATUS_BAD_PARAM) == Status::kInternal);
  CHECK(contains(message_of(CUDNN_STATUS_NOT_SUPPORTED), "the call: CUDNN_STATUS_NOT_SUPPORTED"));

  CHECK(message_of(CUBLAS_STATUS_SUCCESS).empty());
  CHECK(status_of(CUBLAS_STATUS_ALLOC_FAILED) == Status::kNoMemory);
  CHECK(status_of(CUBLAS_STATUS_NOT_SUPPORTED) == Status::kUnsupported);
  CHECK(contains(message_of(CUBLAS_STATUS_INVALID_VALUE), "the call: "));
}

TEST_CASE("a lost card is named, and what is saved is said to be intact") {
  const std::string told = "what was saved on the volume is intact";
  for (const cudaError_t error :
       {cudaErrorIllegalAddress, cudaErrorECCUncorrectable, cudaErrorLaunchFailure, cudaErrorDevicesUnavailable}) {
    CHECK(is_lost(error));
    CHECK(contains(message_of(error), told));
  }
  CHECK(contains(message_of(CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER), told));
  CHECK(contains(message_of(CUBLAS_STATUS_EXECUTION_FAILED), told));
  CHECK_FALSE(contains(message_of(cudaErrorMemoryAllocation), told));
}
