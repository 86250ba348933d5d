#include "engine/cpu/fusion.h"

#include "engine/cpu/first_convolution.h"
#include "engine/cpu/kernels/instruction_set.h"
#include "engine/cpu/sparse_convolution_layer.h"
#include "engine/cpu/sparse_dense_layer.h"

namespace spot {

bool Fusion::is_possible(std::int64_t block) {
  return kernels::usable() && (block == 8 || block == 16) && static_cast<std::size_t>(block) % kernels::lanes() == 0;
}

bool Fusion::is(std::size_t index, LayerKind kind) const {
  return index < model_->layers.size() && model_->layers[index].kind == kind;
}

Fusion::Match Fusion::match(std::size_t index, bool image, bool plain) const {
  if (is(index, LayerKind::kConv2d)) return match_convolution(index, plain);
  if (is(index, LayerKind::kFlatten) || is(index, LayerKind::kDense)) return match_dense(index, image, plain);
  return {};
}

/// Whether about half of what reaches the layer is zero.
bool Fusion::follows_relu(std::size_t index) const {
  while (index > 0 && (is(index - 1, LayerKind::kDropout) || is(index - 1, LayerKind::kMaxPool))) --index;
  return index > 0 && is(index - 1, LayerKind::kRelu);
}

Fusion::Match Fusion::match_convolution(std::size_t index, bool plain) const {
  const LayerSpec& convolution = model_->layers[index];
  const bool relu = is(index + 1, LayerKind::kRelu), pool_behind = relu && is(index + 2, LayerKind::kMaxPool);
  const bool pool_first = is(index + 1, LayerKind::kMaxPool) && is(index + 2, LayerKind::kRelu);
  if (pool_behind || pool_first) {
    const std::size_t pool = pool_behind ? index + 2 : index + 1;
    if (SparseConvolutionOperator::can_compute(convolution, model_->layers[pool], plain)) {
      const bool direct = plain && FirstConvolutionOperator::can_compute(convolution);
      const Kind kind = direct ? Kind::kFirstPooledConvolution : Kind::kSparseConvolution;
      return {.kind = kind, .layers = 3, .weighted = index, .last = pool, .pools = true, .relu = true};
    }
  }
  if (relu && !plain && follows_relu(index) && SparseConvolutionOperator::can_compute(convolution)) {
    return {.kind = Kind::kSparseConvolution, .layers = 2, .weighted = index, .last = index, .relu = true};
  }
  if (!plain || pool_behind || !FirstConvolutionOperator::can_compute(convolution)) return {};
  return {.kind = Kind::kFirstConvolution, .layers = relu ? 2U : 1U, .weighted = index, .last = index, .relu = relu};
}

Fusion::Match Fusion::match_dense(std::size_t index, bool image, bool plain) const {
  const bool flattens = is(index, LayerKind::kFlatten);
  const std::size_t dense = flattens ? index + 1 : index;
  // A flatten layer alone, or one whose image has padded channels, has its own operator.
  if (!is(dense, LayerKind::kDense) || image != flattens) return {};
  const LayerSpec& layer = model_->layers[dense];
  if (!SparseDenseOperator::can_compute(layer)) return {};
  if (flattens && (plain || model_->layers[index].input.channels % block_ != 0)) return {};
  const bool relu = is(dense + 1, LayerKind::kRelu);
  return {.kind = Kind::kSparseDense,
          .layers = dense - index + (relu ? 2 : 1),
          .weighted = dense,
          .last = dense,
          .relu = relu};
}

bool Fusion::feeds_dense(std::size_t index) const {
  while (is(index, LayerKind::kDropout) || is(index, LayerKind::kRelu)) ++index;
  return is(index, LayerKind::kFlatten) && match_dense(index, true, false).kind == Kind::kSparseDense;
}

}  // namespace spot
