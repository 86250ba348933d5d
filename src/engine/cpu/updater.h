#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/cpu/state_arenas.h"
#include "engine/model_spec.h"

namespace spot {

/// Applies one optimizer's rule to ranges of the canonical parameters. Ranges are updated independently and
/// element by element, so neither their order nor their bounds show in the result.
class Updater {
 public:
  /// The state is laid out by `layout`: parameters from 0 on, and each kind of accumulator as one block in the
  /// order of the parameters.
  Updater(const OptimizerSpec& optimizer, const StateLayout& layout, const StateArenas& state, const float* gradients);

  /// Fixes what is common to one step; `step` counts the steps done before.
  void begin_step(std::uint64_t step);

  /// Computes the next values of parameters [offset, offset + size) and of their accumulators.
  void update(std::size_t offset, std::size_t size, float learning_rate) const;

 private:
  OptimizerSpec optimizer_;
  const StateArenas& state_;
  const float* gradients_;
  std::size_t accumulators_[2] = {};  ///< offset of parameter 0's first and second accumulator
  std::size_t accumulator_count_ = 0;
  float first_correction_ = 1;
  float second_correction_ = 1;
};

}  // namespace spot
