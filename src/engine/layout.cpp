#include "engine/model_spec.h"

namespace spot {
namespace {

void add_parameters(const LayerSpec& layer, StateLayout& layout) {
  constexpr auto kParameter = TensorRole::kParameter;
  switch (layer.kind) {
    case LayerKind::kConv2d:
      layout.add(layer.name + ".weight", {layer.outputs, layer.input.channels, layer.kernel[0], layer.kernel[1]},
                 kParameter);
      layout.add(layer.name + ".bias", {layer.outputs}, kParameter);
      return;
    case LayerKind::kDense:
      layout.add(layer.name + ".weight", {layer.outputs, layer.input.size()}, kParameter);
      layout.add(layer.name + ".bias", {layer.outputs}, kParameter);
      return;
    case LayerKind::kBatchNorm:
      layout.add(layer.name + ".scale", {layer.input.channels}, kParameter);
      layout.add(layer.name + ".shift", {layer.input.channels}, kParameter);
      return;
    default: return;
  }
}

std::vector<std::string> accumulator_kinds(const OptimizerSpec& optimizer) {
  switch (optimizer.kind) {
    case OptimizerKind::kSgd:
      if (optimizer.momentum == 0) return {};
      return {"velocity"};
    case OptimizerKind::kAdam:
    case OptimizerKind::kAdamW: return {"first_moment", "second_moment"};
    case OptimizerKind::kAdadelta: return {"square_average", "delta_average"};
    case OptimizerKind::kRmsprop: return {"square_average"};
  }
  return {};
}

}  // namespace

StateLayout make_layout(const ModelSpec& model, const OptimizerSpec& optimizer) {
  StateLayout layout;
  for (const LayerSpec& layer : model.layers) add_parameters(layer, layout);
  const std::vector<TensorSpec> parameters = layout.tensors();
  for (const LayerSpec& layer : model.layers) {
    if (layer.kind != LayerKind::kBatchNorm) continue;
    layout.add(layer.name + ".running_mean", {layer.input.channels}, TensorRole::kStatistic);
    layout.add(layer.name + ".running_variance", {layer.input.channels}, TensorRole::kStatistic);
  }
  for (const std::string& kind : accumulator_kinds(optimizer)) {
    for (const TensorSpec& parameter : parameters) {
      layout.add(parameter.name + "/" + kind, parameter.shape, TensorRole::kAccumulator);
    }
  }
  return layout;
}

}  // namespace spot
