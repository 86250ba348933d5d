#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "engine/cuda/cuda_engine.h"
#include "support/host_device.h"
#include "support/small_problem.h"

/// The GPU engine on a card that the host plays, and steps for it.
namespace cuda_run {

inline std::unique_ptr<spot::Engine> make_engine(const spot::EngineSpec& spec,
                                                 std::shared_ptr<host_device::Record> record = nullptr) {
  if (record == nullptr) record = std::make_shared<host_device::Record>();
  return spot::cuda::create_cuda_engine(host_device::make(std::move(record)), spec, spot::Log());
}

/// A network of several kinds of layers, and a set of 40 images of which steps take batches of 8.
struct Run {
  small_problem::Problem problem{R"({"type":"conv2d","filters":6,"kernel":3},{"type":"batch_norm"},{"type":"relu"},
      {"type":"max_pool","kernel":2},{"type":"dropout","rate":0.2},{"type":"flatten"},{"type":"dense","units":9},
      {"type":"relu"},{"type":"dense","units":5})",
                                 {1, 8, 8},
                                 40};
  std::vector<std::uint32_t> order;
  std::vector<spot::TrainingStep> steps;

  explicit Run(std::size_t count, bool is_resident = true) {
    for (std::uint32_t i = 0; i < 8 * count; ++i) order.push_back(i * 7 % 40);
    for (std::size_t i = 0; i < count; ++i) {
      const auto indices = std::span(order).subspan(8 * i, i % 4 == 3 ? 5 : 8);
      const spot::BatchView batch = {problem.images.data(), problem.labels.data(), indices, is_resident ? 40U : 0U};
      steps.push_back({batch, 1e-2F / static_cast<float>(i + 1)});
    }
  }
  [[nodiscard]] spot::EngineSpec spec() const {
    spot::EngineSpec result = small_problem::spec_of(problem, {.kind = spot::OptimizerKind::kAdam});
    result.batch_size = 8;
    result.augmentation = {.shift = 1};
    return result;
  }
};

inline std::vector<float> values_of(const spot::StateReader& reader) {
  std::vector<float> values(reader.layout().size());
  for (const spot::TensorSpec& tensor : reader.layout().tensors()) {
    const auto room = std::span(values).subspan(tensor.offset, tensor.size);
    CHECK(reader.read(tensor, room).data() == room.data());
  }
  return values;
}

}  // namespace cuda_run
