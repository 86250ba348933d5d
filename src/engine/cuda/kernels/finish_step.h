#pragma once

#include <cstdint>

#include "engine/cuda/kernels/host_device.h"

namespace spot::cuda {

/// What a step tells the host.
struct StepResult {
  double loss_sum, gradient_squares;
  std::int64_t correct;
};

/// The sums of a step in kParts parts: part p has every kParts-th value from number p on, in this order.
struct SumStep {
  static constexpr std::uint32_t kParts = 32;

  std::uint32_t squares_size, batch_size;
  const double* squares;  ///< [squares_size]
  const float* losses;    ///< [sample]
  const std::uint32_t* hits;
  StepResult* parts;  ///< [kParts]

  [[nodiscard]] std::uint64_t threads() const { return kParts; }

  SPOT_DEVICE void operator()(std::uint64_t thread) const {
    const auto part = static_cast<std::uint32_t>(thread);
    parts[part] = {sum<double>(losses, part, batch_size), sum<double>(squares, part, squares_size),
                   sum<std::int64_t>(hits, part, batch_size)};
  }

 private:
  template <typename Sum, typename T>
  [[nodiscard]] SPOT_DEVICE static Sum sum(const T* values, std::uint32_t part, std::uint32_t size) {
    constexpr std::uint32_t kAhead = 16;
    Sum total = 0;
    // All of a group are asked for before the first is needed.
    for (std::uint32_t i = part; i < size; i += kAhead * kParts) {
      T group[kAhead];
      for (std::uint32_t k = 0; k < kAhead; ++k) group[k] = i + k * kParts < size ? values[i + k * kParts] : T{0};
      for (std::uint32_t k = 0; k < kAhead; ++k) total += static_cast<Sum>(group[k]);
    }
    return total;
  }
};

/// The end of a step: its sums, and the cursor of the step table moved to the next record.
struct FinishStep {
  const StepResult* parts;  ///< [SumStep::kParts]
  StepResult* results;      ///< [record]
  std::uint32_t* cursor;

  [[nodiscard]] std::uint64_t threads() const { return 1; }

  SPOT_DEVICE void operator()(std::uint64_t /*thread*/) const {
    StepResult group[SumStep::kParts];
    for (std::uint32_t i = 0; i < SumStep::kParts; ++i) group[i] = parts[i];
    StepResult result{};
    for (std::uint32_t i = 0; i < SumStep::kParts; ++i) {
      result.loss_sum += group[i].loss_sum;
      result.gradient_squares += group[i].gradient_squares;
      result.correct += group[i].correct;
    }
    results[*cursor] = result;
    ++*cursor;
  }
};

}  // namespace spot::cuda
