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
  static constexpr std::uint32_t kSquares = 32, kAhead = 32;

  std::uint32_t batch_size;
  const float* losses;  ///< [sample]
  const std::uint32_t* hits;
  const double* squares;  ///< [kSquares]
  StepResult* results;    ///< [record]
  std::uint32_t* cursor;

  [[nodiscard]] std::uint64_t threads() const { return 1; }

  SPOT_DEVICE void operator()(std::uint64_t /*thread*/) const {
    StepResult result{};
    // All of a group are asked for before the first is needed.
    for (std::uint32_t i = 0; i < batch_size; i += kAhead) {
      float loss[kAhead];
      std::uint32_t hit[kAhead];
      for (std::uint32_t k = 0; k < kAhead; ++k) {
        const bool is_there = i + k < batch_size;
        loss[k] = is_there ? losses[i + k] : 0.0F;
        hit[k] = is_there ? hits[i + k] : 0;
      }
      for (std::uint32_t k = 0; k < kAhead; ++k) {
        result.loss_sum += double{loss[k]};
        result.correct += hit[k];
      }
    }
    for (std::uint32_t i = 0; i < kSquares; ++i) result.gradient_squares += squares[i];
    results[*cursor] = result;
    ++*cursor;
  }
};

}  // namespace spot::cuda
