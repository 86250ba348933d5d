#pragma once

#include <cstdint>
#include <string>

#include "engine/model_spec.h"

namespace spot {

/// The longest kernel side, stride, and number of filters or units that a layer may have.
constexpr std::int64_t kMaxExtent = 1 << 16;

/// Gives nameless layers a name ("conv1", "dense2"), fills in every layer's input and output shape from the
/// model's input, and checks that the model can exist: windows that fit, vectors where vectors are needed, a
/// dense layer of one unit a class at the end, sizes that can be addressed. Throws kModel, naming `origin`, the
/// layer and the remedy.
void infer_shapes(ModelSpec& model, const std::string& origin);

/// The shape that would reach the next layer of a model in the making. Throws like infer_shapes().
Shape3 shape_behind(ModelSpec model, const std::string& origin);

/// "conv2d", "max_pool", … as in model files.
std::string layer_type(LayerKind kind);

}  // namespace spot
