#include "engine/cpu/relu.h"

#include "base/simd.h"

namespace spot {
namespace {

SPOT_SIMD void keep_positive(float* values, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) values[i] = values[i] > 0 ? values[i] : 0.0F;
}

/// Clears the differences of outputs that are not positive. A dropout that ran in place behind the ReLU has
/// left its survivors' signs alone and cleared the rest, whose differences are zero anyway.
SPOT_SIMD void mask(const float* outputs, float* differences, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    differences[i] = outputs[i] > 0 ? differences[i] : 0.0F;
  }
}

}  // namespace

std::string ReluOperator::implementation(std::string_view pass) const {
  if (pass == "forward") return fused_ ? "fused into the layer before" : "in place";
  return pass == "backward_data" && edge_.has_difference() ? "in place" : "";
}

void ReluOperator::forward(const ShardTask& task, bool /*training*/) {
  if (!fused_) keep_positive(edge_.value(task), task.count * edge_.sample_size());
}

void ReluOperator::backward_data(const ShardTask& task) {
  if (!edge_.has_difference()) return;
  mask(edge_.value(task), edge_.difference(task), task.count * edge_.sample_size());
}

}  // namespace spot
