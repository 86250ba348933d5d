#include "engine/cuda/extent.h"

#include <algorithm>

#include "engine/cuda/kernels/lanes.h"

namespace spot::cuda {
namespace {

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Our kernels take kLanes channels at once; tensor cores want 16 bytes of them.
std::int64_t channel_multiple(Precision precision) {
  static_assert(kLanes == 4);
  return precision == Precision::kBfloat16 ? 8 : kLanes;
}

/// A grey image filled up to four channels would cost four times the products. Where the layer that reads it does not
/// need them filled up, they are not.
bool reads_unfilled(const ModelSpec& model, Precision precision) {
  const auto first = std::find_if(model.layers.begin(), model.layers.end(),
                                  [](const LayerSpec& layer) { return layer.kind != LayerKind::kFlatten; });
  if (first->kind == LayerKind::kConv2d) return precision == Precision::kFloat32;
  return first->kind == LayerKind::kDense && model.input.size() % channel_multiple(precision) == 0;
}

Extent behind(const LayerSpec& layer, Extent before, std::int64_t multiple) {
  switch (layer.kind) {
    case LayerKind::kConv2d:
    case LayerKind::kDense: return {layer.output, round_up(layer.outputs, multiple)};
    case LayerKind::kMaxPool:
    case LayerKind::kAveragePool: return {layer.output, before.pitch};
    case LayerKind::kFlatten: before.flat = true; return before;
    case LayerKind::kRelu:
    case LayerKind::kDropout:
    case LayerKind::kBatchNorm: return before;
  }
  return before;
}

}  // namespace

std::vector<Extent> extents_of(const ModelSpec& model, Precision precision) {
  const std::int64_t multiple = channel_multiple(precision);
  const std::int64_t channels = model.input.channels;
  const std::int64_t pitch = reads_unfilled(model, precision) ? channels : round_up(channels, multiple);
  std::vector<Extent> extents = {{model.input, pitch}};
  for (const LayerSpec& layer : model.layers) extents.push_back(behind(layer, extents.back(), multiple));
  return extents;
}

}  // namespace spot::cuda
