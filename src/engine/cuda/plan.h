#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/cuda/device.h"
#include "engine/cuda/device_buffer.h"
#include "engine/cuda/extent.h"
#include "engine/cuda/stored_layout.h"

namespace spot::cuda {

/// One piece of work on the compute stream.
struct Call {
  struct Operate {
    Operation* operation;
    const void* a;
    const void* b;
    void* result;
  };

  std::string layer;
  std::string pass;  ///< as in OperatorTime
  std::variant<Kernel, Operate> work;

  void enqueue(Device& device) const;
  [[nodiscard]] std::string implementation() const;
};

/// The memory of the card that a step works on, beside what belongs to the plan.
struct PlanMemory {
  StepTable table;
  std::uint32_t* cursor;  ///< the table's
  StepResult* results;    ///< [record of the table]
  float* state;
  float* gradients;   ///< of the parameters, in the state's order
  Bfloat16* rounded;  ///< the parameters once more; null unless the precision is bfloat16
};

/// The calls of a training step and of an inference, for one model, precision and batch size. A smaller batch runs
/// through the same calls: the samples that it lacks are zero, and so are their differences.
class Plan {
 public:
  Plan(Device& device, const EngineSpec& spec, const StoredLayout& layout, const std::vector<Extent>& extents,
       const PlanMemory& memory);

  [[nodiscard]] const std::vector<Call>& training() const { return training_; }
  [[nodiscard]] const std::vector<Call>& inference() const { return inference_; }

  // Results of the last inference, on the card.
  [[nodiscard]] const float* losses() const { return losses_.data(); }
  [[nodiscard]] const std::uint32_t* hits() const { return hits_.data(); }
  [[nodiscard]] const float* probabilities() const { return probabilities_.data(); }

 private:
  template <typename T>
  class Builder;

  std::vector<DeviceBuffer<std::byte>> buffers_;
  std::vector<std::unique_ptr<Operation>> operations_;
  DeviceBuffer<float> losses_, probabilities_;
  DeviceBuffer<std::uint32_t> hits_;
  std::vector<Call> training_, inference_;
};

}  // namespace spot::cuda
