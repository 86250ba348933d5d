#include "engine/cuda/stored_layout.h"

#include <algorithm>

namespace spot::cuda {
namespace {

/// Calls visit(canonical index, index in the arena) for every element.
template <typename Visit>
void for_each_element(const StoredTensor& tensor, const Visit& visit) {
  std::size_t canonical = 0;
  const auto& n = tensor.extents;
  const auto& stride = tensor.strides;
  for (std::int64_t a = 0; a < n[0]; ++a) {
    for (std::int64_t b = 0; b < n[1]; ++b) {
      for (std::int64_t c = 0; c < n[2]; ++c) {
        for (std::int64_t d = 0; d < n[3]; ++d) {
          const std::int64_t place = a * stride[0] + b * stride[1] + c * stride[2] + d * stride[3];
          visit(canonical++, tensor.offset + static_cast<std::size_t>(place));
        }
      }
    }
  }
}

StoredTensor vector_of(std::int64_t size) {
  return {.extents = {size, 1, 1, 1}, .strides = {1, 0, 0, 0}};
}

StoredTensor filters_of(const LayerSpec& layer, std::int64_t pitch) {
  const std::int64_t rows = layer.kernel[0], columns = layer.kernel[1];
  return {.extents = {layer.outputs, layer.input.channels, rows, columns},
          .strides = {rows * columns * pitch, 1, columns * pitch, pitch}};
}

/// Values numbered by channel, row, column that lie as an extent says; `rows` vectors of them.
StoredTensor vectors_of(std::int64_t rows, const Extent& extent) {
  return {.extents = {rows, extent.image.channels, extent.image.height, extent.image.width},
          .strides = {extent.size(), 1, extent.image.width * extent.pitch, extent.pitch}};
}

std::size_t size_of(std::int64_t rows, std::int64_t columns) {
  return static_cast<std::size_t>(rows * columns);
}

}  // namespace

void StoredTensor::store(std::span<const float> canonical, float* arena) const {
  for_each_element(*this, [&](std::size_t from, std::size_t to) { arena[to] = canonical[from]; });
}

void StoredTensor::load(const float* arena, std::span<float> canonical) const {
  for_each_element(*this, [&](std::size_t to, std::size_t from) { canonical[to] = arena[from]; });
}

StoredLayout::StoredLayout(const ModelSpec& model, const StateLayout& layout, const std::vector<Extent>& extents)
    : canonical_(layout) {
  const auto feature_vector = [&](const LayerSpec& layer, const Extent& extent) {
    return extent.flat ? vectors_of(1, extent) : vector_of(layer.input.channels);
  };
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const LayerSpec& layer = model.layers[i];
    const Extent &input = extents[i], &output = extents[i + 1];
    if (layer.kind == LayerKind::kConv2d) {
      const std::int64_t filter = layer.kernel[0] * layer.kernel[1] * input.pitch;
      place(layer.name + ".weight", filters_of(layer, input.pitch), size_of(output.pitch, filter));
      place(layer.name + ".bias", vector_of(layer.outputs), size_of(output.pitch, 1));
    } else if (layer.kind == LayerKind::kDense) {
      place(layer.name + ".weight", vectors_of(layer.outputs, input), size_of(output.pitch, input.size()));
      place(layer.name + ".bias", vector_of(layer.outputs), size_of(output.pitch, 1));
    } else if (layer.kind == LayerKind::kBatchNorm) {
      for (const char* name : {".scale", ".shift"}) {
        place(layer.name + name, feature_vector(layer, input), size_of(input.features(), 1));
      }
    }
  }
  parameters_size_ = size_;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    if (model.layers[i].kind != LayerKind::kBatchNorm) continue;
    for (const char* name : {".running_mean", ".running_variance"}) {
      place(model.layers[i].name + name, feature_vector(model.layers[i], extents[i]),
            size_of(extents[i].features(), 1));
    }
  }
  first_accumulator_ = size_;
  place_accumulators();
}

void StoredLayout::place(const std::string& name, StoredTensor tensor, std::size_t size) {
  tensor.offset = size_;
  tensors_[canonical_.find(name)->offset] = tensor;
  size_ += (size + kAlignment - 1) / kAlignment * kAlignment;
}

/// "conv1.weight/velocity" lies among the velocities as "conv1.weight" among the parameters.
void StoredLayout::place_accumulators() {
  std::size_t parameters = 0, placed = 0;
  for (const TensorSpec& tensor : canonical_.tensors()) {
    if (tensor.role == TensorRole::kParameter) ++parameters;
    if (tensor.role != TensorRole::kAccumulator) continue;
    const std::string parameter = tensor.name.substr(0, tensor.name.rfind('/'));
    StoredTensor stored = find(*canonical_.find(parameter));
    stored.offset += accumulator_offset(placed++ / parameters);
    tensors_[tensor.offset] = stored;
  }
  accumulators_ = placed / parameters;
  size_ += accumulators_ * parameters_size_;
}

void StoredLayout::store(std::span<const float> canonical, float* arena) const {
  for (const TensorSpec& tensor : canonical_.tensors()) {
    find(tensor).store(canonical.subspan(tensor.offset, tensor.size), arena);
  }
}

void StoredLayout::load(const float* arena, std::span<float> canonical) const {
  for (const TensorSpec& tensor : canonical_.tensors()) {
    if (tensor.offset + tensor.size > canonical.size()) return;
    find(tensor).load(arena, canonical.subspan(tensor.offset, tensor.size));
  }
}

}  // namespace spot::cuda
