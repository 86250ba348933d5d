#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/model_spec.h"

namespace spot {

/// Applies one optimizer's rule to ranges of the canonical parameters. Ranges are updated independently and
/// element by element, so neither their order nor their bounds show in the result.
class Updater {
 public:
  /// `state` is laid out by `layout`: parameters from 0 on, and each kind of accumulator as one block in the
  /// order of the parameters.
  Updater(const OptimizerSpec& optimizer, const StateLayout& layout, float* state, const float* gradients);

  /// Fixes what is common to one step; `step` counts the steps done before.
  void begin_step(std::uint64_t step);

  /// Updates parameters [offset, offset + size) and their accumulators.
  void update(std::size_t offset, std::size_t size, float learning_rate) const;

 private:
  OptimizerSpec optimizer_;
  float* state_;
  const float* gradients_;
  float* first_ = nullptr;   ///< first accumulator of parameter 0
  float* second_ = nullptr;  ///< second accumulator of parameter 0
  float first_correction_ = 1;
  float second_correction_ = 1;
};

}  // namespace spot
