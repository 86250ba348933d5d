#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/philox.h"
#include "engine/cpu/cpu_engine.h"
#include "support/reference_network.h"

/// Small random problems for tests of the engine.
namespace small_problem {

/// A small random problem for one model.
struct Problem {
  spot::ModelSpec model;
  std::vector<std::uint8_t> images, labels;
  std::vector<float> floats;  ///< the images' values when not empty
  std::vector<std::uint32_t> indices;
  reference::Batch batch;

  Problem(const std::string& layers, spot::Shape3 input, std::uint32_t samples, std::int64_t classes = 5)
      : model(spot::parse_model(R"({"layers":[)" + layers + "]}", "test model", input, classes)) {
    spot::RandomStream random(99, spot::RandomPurpose::kSyntheticData);
    const auto pixels = static_cast<std::size_t>(input.size());
    for (std::uint32_t n = 0; n < samples; ++n) {
      for (std::size_t i = 0; i < pixels; ++i) {
        images.push_back(static_cast<std::uint8_t>(random.next_u32() >> 24));
        batch.pixels.push_back(images.back() / 255.0);
      }
      labels.push_back(static_cast<std::uint8_t>(random.next_below(static_cast<std::uint32_t>(classes))));
      indices.push_back(n);
    }
    batch.labels = labels;
  }

  /// Takes floats from -1 to 2 for images.
  void take_floats() {
    spot::RandomStream random(98, spot::RandomPurpose::kSyntheticData);
    floats.clear();
    for (std::size_t i = 0; i < images.size(); ++i) floats.push_back(3 * random.next_uniform() - 1);
    batch.pixels.assign(floats.begin(), floats.end());
  }
  [[nodiscard]] spot::BatchView view() const {
    if (floats.empty()) return {images.data(), labels.data(), indices};
    return {reinterpret_cast<const std::uint8_t*>(floats.data()), labels.data(), indices, 0, spot::PixelType::kFloat32};
  }
};

inline spot::EngineSpec spec_of(const Problem& problem, const spot::OptimizerSpec& optimizer, int threads = 2) {
  spot::EngineSpec spec;
  spec.model = problem.model;
  spec.optimizer = optimizer;
  spec.batch_size = static_cast<std::int64_t>(problem.indices.size());
  spec.shards = 3;
  spec.threads = threads;
  spec.seed = 7;
  return spec;
}

/// The initial state with random instead of zero biases and shifts, when asked for.
inline std::vector<float> start_state(spot::Engine& engine, bool random_biases) {
  std::vector<float> state(engine.layout().size());
  engine.read_state(state);
  spot::RandomStream random(5, spot::RandomPurpose::kSyntheticData);
  for (const spot::TensorSpec& tensor : engine.layout().tensors()) {
    if (!random_biases || tensor.role != spot::TensorRole::kParameter || tensor.shape.size() > 1) continue;
    for (std::size_t i = 0; i < tensor.size; ++i) {
      state[tensor.offset + i] += 0.4F * random.next_uniform() - 0.2F;
    }
  }
  engine.write_state(state);
  return state;
}

/// The largest difference of a parameter tensor, relative to the tensor in the Euclidean norm.
inline double distance(const spot::StateLayout& layout, const std::vector<float>& a, const std::vector<float>& b) {
  double worst = 0;
  for (const spot::TensorSpec& tensor : layout.tensors()) {
    if (tensor.role != spot::TensorRole::kParameter) continue;
    double difference = 0, size = 1e-20;
    for (std::size_t i = tensor.offset; i < tensor.offset + tensor.size; ++i) {
      difference += std::pow(double{a[i]} - b[i], 2);
      size += std::pow(double{b[i]}, 2);
    }
    worst = std::max(worst, std::sqrt(difference / size));
  }
  return worst;
}

inline std::vector<float> state_of(const spot::Engine& engine) {
  std::vector<float> state(engine.layout().size());
  engine.read_state(state);
  return state;
}

}  // namespace small_problem
