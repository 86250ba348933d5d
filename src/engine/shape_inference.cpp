#include "engine/shape_inference.h"

#include <map>
#include <set>

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

constexpr std::int64_t kMaxValues = std::int64_t{1} << 28;   // floats of one sample's layer output: 1 GiB
constexpr std::int64_t kMaxWeights = std::int64_t{1} << 30;  // of one layer: 4 GiB

[[noreturn]] void refuse(const std::string& origin, const LayerSpec& layer, const std::string& why) {
  fail(Status::kModel, cat(origin, ": layer '", layer.name, "' (", layer_type(layer.kind), "): ", why));
}

std::string text(const Shape3& shape) {
  return cat(shape.channels, " x ", shape.height, " x ", shape.width);
}

const char* name_stem(LayerKind kind) {
  switch (kind) {
    case LayerKind::kConv2d: return "conv";
    case LayerKind::kMaxPool:
    case LayerKind::kAveragePool: return "pool";
    case LayerKind::kRelu: return "relu";
    case LayerKind::kDropout: return "dropout";
    case LayerKind::kFlatten: return "flatten";
    case LayerKind::kDense: return "dense";
    case LayerKind::kBatchNorm: return "batch_norm";
  }
  return "layer";
}

void name_layers(ModelSpec& model, const std::string& origin) {
  std::map<std::string, int> counts;
  std::set<std::string> names;
  for (LayerSpec& layer : model.layers) {
    const std::string stem = name_stem(layer.kind);
    const int number = ++counts[stem];
    if (layer.name.empty()) layer.name = cat(stem, number);
    if (!names.insert(layer.name).second) refuse(origin, layer, "its name is not unique");
  }
}

/// Positions that a window takes along one axis: floor((size + padding - kernel) / stride) + 1.
std::int64_t window_count(const std::string& origin, const LayerSpec& layer, const char* axis, std::int64_t size,
                          int dimension) {
  const std::int64_t kernel = layer.kernel[dimension];
  const std::int64_t stride = layer.stride[dimension];
  const std::int64_t before = layer.padding[dimension];
  const std::int64_t after = layer.padding[dimension + 2];
  if (kernel < 1 || stride < 1 || kernel > kMaxExtent || stride > kMaxExtent) {
    refuse(origin, layer, cat("kernel and stride must be from 1 to ", kMaxExtent));
  }
  if (before < 0 || after < 0 || before >= kernel || after >= kernel) {
    refuse(origin, layer, "padding must be from 0 to one less than the kernel");
  }
  if (size + before + after < kernel) {
    refuse(origin, layer,
           cat("a kernel of ", kernel, " ", axis, " does not fit an input of ", size, " (padding ", before, " + ",
               after, ")"));
  }
  return (size + before + after - kernel) / stride + 1;
}

Shape3 window_output(const std::string& origin, const LayerSpec& layer, std::int64_t channels) {
  return {channels, window_count(origin, layer, "rows", layer.input.height, 0),
          window_count(origin, layer, "columns", layer.input.width, 1)};
}

void check_outputs(const std::string& origin, const LayerSpec& layer, std::int64_t inputs, const char* what) {
  if (layer.outputs < 1 || layer.outputs > kMaxExtent) {
    refuse(origin, layer, cat(what, " must be from 1 to ", kMaxExtent));
  }
  if (layer.outputs > kMaxWeights / inputs) refuse(origin, layer, "it has too many weights");
}

Shape3 output_shape(const std::string& origin, const LayerSpec& layer, bool vector) {
  const auto needs_image = [&] {
    if (vector) refuse(origin, layer, "it needs images, but a flatten comes before it");
  };
  switch (layer.kind) {
    case LayerKind::kConv2d: {
      needs_image();
      const Shape3 output = window_output(origin, layer, layer.outputs);
      check_outputs(origin, layer, layer.input.channels * layer.kernel[0] * layer.kernel[1], "filters");
      return output;
    }
    case LayerKind::kMaxPool:
    case LayerKind::kAveragePool: needs_image(); return window_output(origin, layer, layer.input.channels);
    case LayerKind::kDense:
      if (!vector) refuse(origin, layer, "it needs a vector: put a flatten before it");
      check_outputs(origin, layer, layer.input.size(), "units");
      return {layer.outputs, 1, 1};
    case LayerKind::kFlatten:
      if (vector) refuse(origin, layer, "its input is a vector already: leave it out");
      return {layer.input.size(), 1, 1};
    case LayerKind::kDropout:
      if (!(layer.rate >= 0 && layer.rate < 1)) refuse(origin, layer, "rate must be in [0, 1)");
      return layer.input;
    case LayerKind::kBatchNorm:
      if (!(layer.momentum >= 0 && layer.momentum < 1)) {
        refuse(origin, layer, "momentum must be in [0, 1)");
      }
      if (!(layer.epsilon > 0 && layer.epsilon <= 1)) refuse(origin, layer, "epsilon must be in (0, 1]");
      return layer.input;
    case LayerKind::kRelu: return layer.input;
  }
  refuse(origin, layer, "unknown kind of layer");
}

Shape3 infer(ModelSpec& model, const std::string& origin) {
  name_layers(model, origin);
  Shape3 shape = model.input;
  bool vector = false;
  for (LayerSpec& layer : model.layers) {
    layer.input = shape;
    shape = layer.output = output_shape(origin, layer, vector);
    vector = vector || layer.kind == LayerKind::kFlatten;
    if (shape.size() > kMaxValues) refuse(origin, layer, cat("its output of ", text(shape), " is too large"));
  }
  return shape;
}

}  // namespace

std::string layer_type(LayerKind kind) {
  switch (kind) {
    case LayerKind::kConv2d: return "conv2d";
    case LayerKind::kMaxPool: return "max_pool";
    case LayerKind::kAveragePool: return "average_pool";
    case LayerKind::kRelu: return "relu";
    case LayerKind::kDropout: return "dropout";
    case LayerKind::kFlatten: return "flatten";
    case LayerKind::kDense: return "dense";
    case LayerKind::kBatchNorm: return "batch_norm";
  }
  return "unknown";
}

Shape3 shape_behind(ModelSpec model, const std::string& origin) {
  return infer(model, origin);
}

void infer_shapes(ModelSpec& model, const std::string& origin) {
  if (model.layers.empty() || model.layers.size() > 200) {
    fail(Status::kModel, cat(origin, ": a model has 1 to 200 layers"));
  }
  infer(model, origin);
  const LayerSpec& last = model.layers.back();
  if (last.kind != LayerKind::kDense || last.outputs != model.classes) {
    refuse(origin, last,
           cat("the last layer must be dense with one unit for each of the dataset's ", model.classes, " classes"));
  }
}

}  // namespace spot
