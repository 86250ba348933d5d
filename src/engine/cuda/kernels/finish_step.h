#pragma once

#include <cstdint>

#include "engine/cuda/kernels/host_device.h"

namespace spot::cuda {

/// What a step tells the host.
struct StepResult {
  double loss_sum, gradient_squares;
  std::int64_t correct;
};

/// The end of a step: its sums, and the cursor of the step table moved to the next record.
struct FinishStep {
  std::uint32_t batch_size, squares_size;
  const float* losses;  ///< [sample]
  const std::uint32_t* hits;
  const double* squares;
  StepResult* results;  ///< [record]
  std::uint32_t* cursor;

  [[nodiscard]] std::uint64_t threads() const { return 1; }

  SPOT_DEVICE void operator()(std::uint64_t /*thread*/) const {
    StepResult result{};
    for (std::uint32_t i = 0; i < batch_size; ++i) {
      result.loss_sum += double{losses[i]};
      result.correct += hits[i];
    }
    for (std::uint32_t i = 0; i < squares_size; ++i) result.gradient_squares += squares[i];
    results[*cursor] = result;
    ++*cursor;
  }
};

}  // namespace spot::cuda
