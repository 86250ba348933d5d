#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/model_spec.h"

namespace spot {

/// Finds the patterns of layers that one fused operator computes:
///     conv2d, relu and max_pool 2 x 2 (the last two in either order)   SparseConvolutionOperator
///     conv2d and relu, behind another relu                             likewise
///     the same over the image, kernels of 3 and 5, up to 4 channels    FirstPooledConvolutionOperator
///     conv2d over the image, perhaps relu                              FirstConvolutionOperator
///     flatten, dense of many inputs, perhaps relu                      SparseDenseOperator
/// A dropout behind any of them works in place. Everything else is left to one operator a layer.
class Fusion {
 public:
  enum class Kind : std::uint8_t {
    kNone,
    kSparseConvolution,
    kFirstPooledConvolution,
    kFirstConvolution,
    kSparseDense
  };

  struct Match {
    Kind kind = Kind::kNone;
    std::size_t layers = 0;    ///< how many it takes
    std::size_t weighted = 0;  ///< the place of its convolution or dense layer in the model
    std::size_t last = 0;      ///< of the layer whose output is the operator's
    bool pools = false;
    bool relu = false;
  };

  /// `block`: channels that images keep side by side.
  explicit Fusion(const ModelSpec& model, std::int64_t block) : model_(&model), block_(block) {}

  /// Whether this processor has the kernels.
  static bool is_possible(std::int64_t block);

  /// The pattern that begins at layer `index`. `plain`: what reaches it is the network's image; `image`: an image.
  [[nodiscard]] Match match(std::size_t index, bool image, bool plain) const;
  /// Whether the image that reaches layer `index` is read by a SparseDenseOperator, as it is.
  [[nodiscard]] bool feeds_dense(std::size_t index) const;

 private:
  [[nodiscard]] bool is(std::size_t index, LayerKind kind) const;
  [[nodiscard]] bool follows_relu(std::size_t index) const;
  [[nodiscard]] Match match_convolution(std::size_t index, bool plain) const;
  [[nodiscard]] Match match_dense(std::size_t index, bool image, bool plain) const;

  const ModelSpec* model_;
  std::int64_t block_;
};

}  // namespace spot
