#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "conformance/examination.h"

namespace spot::conformance {
namespace {

using small_problem::Problem;

struct Network {
  const char* name;
  const char* layers;  ///< before the last one
  Shape3 input;
  std::uint32_t samples;
  bool decides = false;  ///< a ReLU or a maximum is in it
  AugmentationSpec augmentation = {};
  bool floats = false;  ///< for images, from -1 to 2; else bytes
};

const Network kNetworks[] = {
    {"conv2d of 3 x 3", R"({"type":"conv2d","filters":16,"kernel":3},)", {1, 8, 8}, 6},
    {"conv2d of 3 x 3, 8 channels to 8", R"({"type":"conv2d","filters":8,"kernel":3,"padding":1},)", {8, 9, 7}, 8},
    {"conv2d of 5 x 5, padded, 3 channels to 7",
     R"({"type":"conv2d","filters":7,"kernel":5,"padding":2},)",
     {3, 9, 10},
     5},
    {"conv2d of 3 x 2, stride 2 x 1", R"({"type":"conv2d","filters":7,"kernel":[3,2],"stride":[2,1]},)", {6, 9, 10}, 5},
    {"conv2d, padded unevenly", R"({"type":"conv2d","filters":24,"kernel":3,"padding":[1,0,2,1]},)", {2, 7, 6}, 7},
    {"conv2d, same, stride 2",
     R"({"type":"conv2d","filters":3,"kernel":3,"padding":"same","stride":2},)",
     {1, 7, 8},
     4},
    {"conv2d of 1 x 1, 5 channels to 17", R"({"type":"conv2d","filters":17,"kernel":1},)", {5, 4, 3}, 9},
    {"conv2d of 7 x 7", R"({"type":"conv2d","filters":12,"kernel":7,"padding":1},)", {2, 16, 19}, 3},
    {"conv2d as large as its image", R"({"type":"conv2d","filters":9,"kernel":[5,6]},)", {3, 5, 6}, 4},
    {"two conv2d",
     R"({"type":"conv2d","filters":6,"kernel":3},{"type":"conv2d","filters":10,"kernel":3,"padding":"same"},)",
     {1, 11, 9},
     6},
    {"dense", "", {1, 4, 5}, 10},
    {"dense, channels flattened", "", {3, 4, 5}, 7},
    {"dense, 600 to 144 to 5", R"({"type":"flatten"},{"type":"dense","units":144},)", {1, 20, 30}, 21},
    {"dense, 63 to 13 to 1 to 5",
     R"({"type":"flatten"},{"type":"dense","units":13},{"type":"dense","units":1},)",
     {7, 3, 3},
     6},
    {"relu on the image", R"({"type":"relu"},)", {2, 5, 5}, 6, true},
    {"relu behind conv2d", R"({"type":"conv2d","filters":5,"kernel":3},{"type":"relu"},)", {1, 8, 7}, 6, true},
    {"relu behind dense", R"({"type":"flatten"},{"type":"dense","units":33},{"type":"relu"},)", {1, 8, 7}, 6, true},
    {"max_pool of 2 x 2",
     R"({"type":"conv2d","filters":16,"kernel":3},{"type":"max_pool","kernel":2},)",
     {1, 9, 8},
     6,
     true},
    {"max_pool of 2 x 2 on the image", R"({"type":"max_pool","kernel":2},)", {3, 7, 6}, 6, true},
    {"max_pool of 3 x 3, overlapping, padded",
     R"({"type":"conv2d","filters":5,"kernel":3},{"type":"max_pool","kernel":3,"stride":2,"padding":1},)",
     {1, 9, 9},
     5,
     true},
    {"max_pool of 2 x 3, stride 1 x 2",
     R"({"type":"conv2d","filters":5,"kernel":2},{"type":"max_pool","kernel":[2,3],"stride":[1,2]},)",
     {1, 8, 10},
     5,
     true},
    {"average_pool of 2 x 2",
     R"({"type":"conv2d","filters":6,"kernel":4},{"type":"average_pool","kernel":2},)",
     {1, 10, 8},
     6},
    {"average_pool of 3 x 3, overlapping, padded",
     R"({"type":"conv2d","filters":6,"kernel":3},{"type":"average_pool","kernel":3,"stride":2,"padding":1},)",
     {1, 9, 9},
     5},
    {"average_pool, same", R"({"type":"average_pool","kernel":[3,2],"stride":2,"padding":"same"},)", {2, 8, 7}, 5},
    {"batch_norm of the image", R"({"type":"batch_norm"},)", {3, 6, 5}, 7},
    {"batch_norm behind conv2d",
     R"({"type":"conv2d","filters":6,"kernel":3},{"type":"batch_norm","momentum":0.9,"epsilon":0.01},)",
     {1, 8, 8},
     7},
    {"batch_norm of vectors", R"({"type":"flatten"},{"type":"dense","units":11},{"type":"batch_norm"},)", {1, 4, 4}, 8},
    {"dropout behind conv2d",
     R"({"type":"conv2d","filters":6,"kernel":3},{"type":"dropout","rate":0.3},)",
     {1, 6, 7},
     7},
    {"dropout of the image", R"({"type":"dropout","rate":0.1},)", {3, 5, 5}, 7},
    {"dropout of vectors, twice",
     R"({"type":"flatten"},{"type":"dropout","rate":0.5},{"type":"dense","units":9},{"type":"dropout","rate":0.25},)",
     {1, 6, 7},
     7},
    {"conv2d, relu, max_pool, twice; dropout; dense",
     R"({"type":"conv2d","filters":6,"kernel":5,"padding":2},{"type":"relu"},{"type":"max_pool","kernel":2},
        {"type":"conv2d","filters":20,"kernel":3},{"type":"max_pool","kernel":2},{"type":"relu"},
        {"type":"dropout","rate":0.25},{"type":"flatten"},{"type":"dense","units":64},{"type":"relu"},)",
     {1, 17, 19},
     11,
     true},
    {"batch_norm between conv2d and relu, twice",
     R"({"type":"conv2d","filters":8,"kernel":3},{"type":"batch_norm"},{"type":"relu"},
        {"type":"conv2d","filters":16,"kernel":3,"stride":2},{"type":"batch_norm"},{"type":"relu"},)",
     {1, 12, 11},
     9,
     true},
    {"images shifted", R"({"type":"conv2d","filters":8,"kernel":3},)", {1, 12, 11}, 13, false, {.shift = 3}},
    {"images turned", R"({"type":"conv2d","filters":8,"kernel":3},)", {1, 12, 11}, 13, false, {.rotation = 20}},
    {"images of two channels shifted and turned",
     R"({"type":"conv2d","filters":8,"kernel":3},)",
     {2, 9, 14},
     6,
     false,
     {.shift = 2, .rotation = 45}},
    {"conv2d, relu, max_pool on images of three channels",
     R"({"type":"conv2d","filters":16,"kernel":3},{"type":"relu"},{"type":"max_pool","kernel":2},)",
     {3, 12, 11},
     7,
     true},
    {"images of floats", R"({"type":"conv2d","filters":8,"kernel":3},)", {1, 12, 11}, 13, false, {}, true},
    {"images of floats, five channels, shifted and turned",
     R"({"type":"conv2d","filters":8,"kernel":3,"stride":2},)",
     {5, 9, 14},
     6,
     false,
     {.shift = 2, .rotation = 45},
     true},
};

/// A bias before batch normalisation has no gradient but rounding errors.
constexpr double kFloor = 0.1;

/// What is seen of one network, at worst.
struct Differences {
  double forward = 0, backward = 0, statistics = 0;

  static void keep(double& worst, double found) {
    if (!(found <= worst)) worst = found;  // a NaN stays
  }
};

void compare(const Examination& examination, const Problem& problem, const EngineSpec& spec, const BatchView& batch,
             bool random_biases, Differences& worst) {
  const auto oracle = examination.oracle(spec), subject = examination.subject(spec);
  subject->write_state(small_problem::start_state(*oracle, random_biases));
  // With steps before, batch normalisation has statistics to evaluate with.
  constexpr std::uint64_t kStep = 11;
  const StepMetrics right = oracle->train_step(batch, kStep, 0), found = subject->train_step(batch, kStep, 0);
  Differences::keep(worst.forward, relative(found.loss, right.loss));
  Differences::keep(worst.backward, relative(found.gradient_norm, right.gradient_norm));
  Differences::keep(worst.backward, distance(oracle->layout(), TensorRole::kParameter, gradients_of(*subject),
                                             gradients_of(*oracle), kFloor));
  Differences::keep(worst.statistics,
                    distance(oracle->layout(), TensorRole::kStatistic, small_problem::state_of(*subject),
                             small_problem::state_of(*oracle), kFloor));
  Differences::keep(worst.forward, relative(subject->evaluate(batch).loss_sum, oracle->evaluate(batch).loss_sum));
  const auto expected = predict(*oracle, batch, problem.model.classes);
  const auto predicted = predict(*subject, batch, problem.model.classes);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    Differences::keep(worst.forward, std::abs(double{predicted[i]} - double{expected[i]}));
  }
}

bool has(const Network& network, const char* type) {
  return std::string(network.layers).find(type) != std::string::npos;
}

void examine(Examination& examination, const Network& network) {
  const char* flatten = has(network, "flatten") ? "" : R"({"type":"flatten"},)";
  Problem problem(cat(network.layers, flatten, R"({"type":"dense","units":5})"), network.input, network.samples);
  if (network.floats) problem.take_floats();
  EngineSpec spec = small_problem::spec_of(problem, {});
  spec.augmentation = network.augmentation;
  Differences worst;
  const bool normalises = has(network, "batch_norm");
  for (const std::uint32_t samples : {network.samples, (network.samples + 1) / 2, 1U}) {
    if (normalises && samples == 1) continue;  // by nothing but rounding errors
    for (const bool random_biases : {false, true}) {
      compare(examination, problem, spec, part_of(problem, samples), random_biases, worst);
    }
  }
  const Tolerances& allowed = examination.tolerances();
  const double backward = network.decides ? allowed.decided : allowed.gradients;
  examination.expect("forward", network.name, worst.forward, allowed.forward);
  examination.expect("backward", network.name, worst.backward, backward);
  if (normalises) examination.expect("running statistics", network.name, worst.statistics, allowed.gradients);
}

}  // namespace

void examine_layers(Examination& examination) {
  for (const Network& network : kNetworks) {
    examination.attempt("layer", network.name, [&] { examine(examination, network); });
  }
}

}  // namespace spot::conformance
