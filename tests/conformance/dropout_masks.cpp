#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "conformance/examination.h"
#include "engine/dropout.h"

namespace spot::conformance {
namespace {

using small_problem::Problem;

constexpr double kRate = 0.3;
constexpr std::uint32_t kSamples = 5;

/// The word that decides on an element of sample `sample`, by the definition in dropout.h.
bool is_kept(const EngineSpec& spec, std::uint32_t layer, std::uint64_t step, std::uint64_t sample,
             std::int64_t channel, std::int64_t place, const Shape3& shape) {
  const std::uint64_t g =
      sample * static_cast<std::uint64_t>(shape.size()) + static_cast<std::uint64_t>(place * shape.channels + channel);
  const auto block = Philox::block(spec.seed, dropout_counter(layer, step, g / 4));
  return block[g % 4] >= dropout_threshold(kRate);
}

/// All weights of the convolution 1, all of the dense layer and all biases 0: each cell of a white image reaches the
/// dropout as a positive number, and each logit has a gradient.
void set_state(Engine& engine) {
  std::vector<float> state(engine.layout().size());
  const TensorSpec* weight = engine.layout().find("conv1.weight");
  if (weight != nullptr) std::fill_n(state.begin() + static_cast<std::ptrdiff_t>(weight->offset), weight->size, 1.0F);
  engine.write_state(state);
}

/// A weight of the dense layer has a gradient where its input was kept: of the one sample that is not black.
void examine(Examination& examination, const std::string& name, const std::string& layers, std::uint32_t layer) {
  Problem problem(layers, {1, 5, 7}, kSamples);
  const EngineSpec spec = small_problem::spec_of(problem, {});
  const Shape3 shape = spec.model.layers[layer].output;
  const auto engine = examination.subject(spec);
  set_state(*engine);
  const std::size_t offset = engine->layout().find("dense1.weight")->offset;
  double differing = 0, inexact = 0;
  for (const std::uint64_t step : {std::uint64_t{0}, std::uint64_t{5}, (std::uint64_t{1} << 33) + 1}) {
    for (std::uint32_t sample = 0; sample < kSamples; ++sample) {
      std::fill(problem.images.begin(), problem.images.end(), std::uint8_t{0});
      std::fill_n(problem.images.begin() + sample * 35, 35, std::uint8_t{255});
      engine->train_step(problem.view(), step, 0);
      const std::vector<float> gradients = gradients_of(*engine);
      // Class 0's share of the label's error is 1 or 0 less than the softmax of five equal logits.
      const double error = (0.2 - (problem.labels[sample] == 0 ? 1 : 0)) / kSamples;
      for (std::int64_t channel = 0; channel < shape.channels; ++channel) {
        for (std::int64_t place = 0; place < shape.height * shape.width; ++place) {
          const double found =
              gradients[offset + static_cast<std::size_t>(channel * shape.height * shape.width + place)];
          const bool kept = is_kept(spec, layer, step, sample, channel, place, shape);
          if ((found != 0) != kept) ++differing;
          if (kept) inexact = std::max(inexact, relative(found, error / (1 - kRate)));
        }
      }
    }
  }
  examination.expect("dropout mask", name, differing, 0);
  examination.expect("dropout scale", name, inexact, examination.tolerances().gradients);
}

}  // namespace

void examine_dropout_masks(Examination& examination) {
  const std::string dropout = cat(R"({"type":"dropout","rate":)", kRate, "},");
  const std::string flatten = R"({"type":"flatten"},)", dense = R"({"type":"dense","units":5})";
  const std::string convolution = R"({"type":"conv2d","filters":3,"kernel":1},)";
  const auto attempt = [&](const std::string& name, const std::string& layers, std::uint32_t layer) {
    examination.attempt("dropout mask", name, [&] { examine(examination, name, layers, layer); });
  };
  attempt("of an image", dropout + flatten + dense, 0);
  attempt("of three channels", convolution + dropout + flatten + dense, 1);
  attempt("of a vector", flatten + dropout + dense, 1);
}

}  // namespace spot::conformance
