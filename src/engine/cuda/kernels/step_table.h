#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/augmentation.h"
#include "engine/cuda/kernels/host_device.h"

namespace spot::cuda {

/// What is different from one step to the next, beside the samples.
struct StepInputs {
  const std::uint8_t* images;  ///< of the set, on the card; of floats they begin at a multiple of 4
  const std::uint8_t* labels;
  std::uint64_t step;  ///< steps done before
  std::uint32_t samples;
  std::uint32_t moves_images;  ///< whether the samples' moves count
  std::uint32_t are_floats;    ///< else the images are bytes
  float learning_rate;
  float first_correction;   ///< Adam's 1 - beta1^t
  float second_correction;  ///< and 1 / sqrt(1 - beta2^t)
};

/// Where one step finds its inputs: one record a step, one behind the other, and a cursor that says which is current.
/// All that a kernel knows of the step it reads here, so that one recorded graph serves every step.
struct StepTable {
  const std::byte* records;  ///< StepInputs, then the samples' indices, then their moves
  const std::uint32_t* cursor;
  std::uint32_t batch_size;

  static constexpr std::size_t kIndices = 64;  ///< where they begin in a record
  static_assert(sizeof(StepInputs) <= kIndices);

  [[nodiscard]] SPOT_DEVICE std::size_t moves_offset() const {
    return kIndices + (batch_size * sizeof(std::uint32_t) + 15) / 16 * 16;
  }
  [[nodiscard]] SPOT_DEVICE std::size_t record_size() const {
    return (moves_offset() + batch_size * sizeof(ImageMove) + 63) / 64 * 64;
  }
  [[nodiscard]] SPOT_DEVICE const std::byte* record() const { return records + *cursor * record_size(); }
  [[nodiscard]] SPOT_DEVICE const StepInputs& inputs() const { return *reinterpret_cast<const StepInputs*>(record()); }
  [[nodiscard]] SPOT_DEVICE std::uint32_t index(std::uint32_t sample) const {
    return reinterpret_cast<const std::uint32_t*>(record() + kIndices)[sample];
  }
  [[nodiscard]] SPOT_DEVICE const ImageMove& move(std::uint32_t sample) const {
    return reinterpret_cast<const ImageMove*>(record() + moves_offset())[sample];
  }
};

}  // namespace spot::cuda
