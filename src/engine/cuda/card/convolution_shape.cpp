#include "engine/cuda/card/convolution_shape.h"

#include <algorithm>

#include "base/text.h"

namespace spot::cuda {
namespace {

const char* name_of(ConvolutionSpec::Pass pass) {
  switch (pass) {
    case ConvolutionSpec::Pass::kForward: return "the forward pass";
    case ConvolutionSpec::Pass::kInputGradient: return "the input gradient";
    case ConvolutionSpec::Pass::kFilterGradient: return "the filter gradient";
  }
  return "";
}

const char* precision_of(const ConvolutionSpec& spec) {
  if (spec.element == Element::kBfloat16) return "bf16";
  return spec.tf32 ? "tf32" : "fp32";
}

}  // namespace

TensorShape channels_last(std::int64_t count, std::int64_t channels, std::int64_t rows, std::int64_t columns) {
  return {{count, channels, rows, columns}, {rows * columns * channels, 1, columns * channels, channels}};
}

TensorShape image_shape(const ConvolutionSpec& spec) {
  return channels_last(spec.images, spec.channels, spec.rows, spec.columns);
}

TensorShape filter_shape(const ConvolutionSpec& spec) {
  return channels_last(spec.filters, spec.channels, spec.kernel[0], spec.kernel[1]);
}

TensorShape output_shape(const ConvolutionSpec& spec) {
  return channels_last(spec.images, spec.filters, spec.output_rows, spec.output_columns);
}

SymmetricConvolution symmetric(const ConvolutionSpec& spec) {
  SymmetricConvolution result{spec, {0, 0}};
  for (int axis = 0; axis < 2; ++axis) {
    const std::int64_t before = spec.padding[axis];
    const std::int64_t behind = spec.padding[axis + 2];
    const std::int64_t both = std::max(before, behind);
    result.spec.padding[axis] = result.spec.padding[axis + 2] = both;
    // A window that begins `both - before` cells earlier sees the same cells with its weights as many further in.
    result.offset[axis] = both - before;
    result.spec.kernel[axis] += (both - before) + (both - behind);
  }
  return result;
}

FilterWindow filter_window(const ConvolutionSpec& spec, const SymmetricConvolution& grown) {
  const auto elements = [](std::int64_t count) { return static_cast<std::uint64_t>(count); };
  return {.filters = elements(spec.filters),
          .rows = elements(spec.kernel[0]),
          .row = elements(spec.kernel[1] * spec.channels),
          .grown_rows = elements(grown.spec.kernel[0]),
          .grown_row = elements(grown.spec.kernel[1] * spec.channels),
          .offset = elements((grown.offset[0] * grown.spec.kernel[1] + grown.offset[1]) * spec.channels)};
}

bool permits(std::span<const cudnnBackendNumericalNote_t> notes, bool tensor_cores) {
  return std::ranges::all_of(notes, [tensor_cores](cudnnBackendNumericalNote_t note) {
    return note == CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP || (tensor_cores && note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
  });
}

std::string describe(const ConvolutionSpec& spec) {
  return cat(name_of(spec.pass), " of a convolution of ", spec.images, " x ", spec.channels, " x ", spec.rows, " x ",
             spec.columns, " with ", spec.filters, " filters of ", spec.kernel[0], " x ", spec.kernel[1], ", stride ",
             spec.stride[0], " x ", spec.stride[1], ", padding ", spec.padding[0], ", ", spec.padding[1], ", ",
             spec.padding[2], ", ", spec.padding[3], " in ", precision_of(spec));
}

}  // namespace spot::cuda
