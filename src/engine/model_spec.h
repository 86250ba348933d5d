#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/state_view.h"

namespace spot {

/// Channels, rows and columns of one sample; a vector has one row and one column.
struct Shape3 {
  std::int64_t channels = 0;
  std::int64_t height = 1;
  std::int64_t width = 1;

  [[nodiscard]] std::int64_t size() const { return channels * height * width; }
  bool operator==(const Shape3&) const = default;
};

enum class LayerKind : std::uint8_t {
  kConv2d,
  kMaxPool,
  kAveragePool,
  kRelu,
  kDropout,
  kFlatten,
  kDense,
  kBatchNorm,
};

/// One layer as the model describes it; which fields count depends on the kind.
struct LayerSpec {
  LayerKind kind{};
  std::string name;
  std::int64_t outputs = 0;                ///< conv2d: filters; dense: units
  std::int64_t kernel[2] = {1, 1};         ///< conv2d, pools: rows, columns
  std::int64_t stride[2] = {1, 1};         ///< conv2d, pools
  std::int64_t padding[4] = {0, 0, 0, 0};  ///< conv2d, pools: top, left, bottom, right
  double rate = 0;                         ///< dropout: fraction set to zero, in [0, 1)
  double momentum = 0.99;                  ///< batch_norm: weight of the old running statistics
  double epsilon = 1e-3;                   ///< batch_norm: added to the variance
  Shape3 input;                            ///< inferred
  Shape3 output;                           ///< inferred
};

/// A feed-forward network for images, ending in one logit a class; softmax cross-entropy is the loss of all
/// of them. Only ever valid: shapes are inferred and checked where it is made.
struct ModelSpec {
  std::string name;
  Shape3 input;
  std::int64_t classes = 0;
  std::vector<LayerSpec> layers;
};

bool is_preset_model(const std::string& name);

/// keras-cnn, light-cnn, lenet-5 or mlp for images of that shape. Throws kModel for another name.
ModelSpec preset_model(const std::string& name, Shape3 input, std::int64_t classes);

/// The model of a JSON text (the format is in src/engine/README.md). `input` and `classes` come from the
/// dataset; a model that states others is refused. Throws kModel naming `origin` and the layer.
ModelSpec parse_model(const std::string& json, const std::string& origin, Shape3 input, std::int64_t classes);

/// The same for a text that states input and classes itself, as those of model_to_json() do.
ModelSpec parse_complete_model(const std::string& json, const std::string& origin);

/// The preset of that name, else the model that the text itself is ("{…}"), else the JSON file at that path.
ModelSpec load_model(const std::string& name_or_path, Shape3 input, std::int64_t classes);

/// The complete description as JSON: parse_model() reads it back to the same model.
std::string model_to_json(const ModelSpec& model);

enum class OptimizerKind : std::uint8_t { kSgd, kAdam, kAdamW, kAdadelta, kRmsprop };

struct OptimizerSpec {
  OptimizerKind kind = OptimizerKind::kSgd;
  double momentum = 0;  ///< sgd
  bool nesterov = false;
  double weight_decay = 0;
  double rho = 0.95;  ///< adadelta, rmsprop
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-7;
};

enum class Initializer : std::uint8_t { kGlorotUniform, kGlorotNormal, kHeUniform, kHeNormal };

/// The canonical state of a model under an optimizer: parameters in layer order, then batch normalisation's
/// statistics, then the optimizer's accumulators in parameter order.
StateLayout make_layout(const ModelSpec& model, const OptimizerSpec& optimizer);

/// The state at step 0: weights drawn with the seed, biases and accumulators zero, scales and running
/// variances one. Values depend on (seed, tensor index, element) alone.
void initialise_state(const StateLayout& layout, Initializer initializer, std::uint64_t seed, std::span<float> state);

}  // namespace spot
