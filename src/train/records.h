#pragma once

#include <cstdint>
#include <vector>

namespace spot {

/// The epoch that the last of `steps` belongs to: 1 is the first, 0 means that there is no step, or, in a damaged file,
/// no length of an epoch.
constexpr std::uint64_t epoch_of(std::uint64_t steps, std::uint64_t steps_per_epoch) {
  if (steps_per_epoch == 0) return 0;
  return steps / steps_per_epoch + (steps % steps_per_epoch == 0 ? 0 : 1);
}

/// One training step as it is reported.
struct StepRecord {
  std::uint64_t step = 0;   ///< steps done, this one included
  std::uint64_t epoch = 0;  ///< the one it belongs to; 1 is the first
  std::int64_t samples = 0;
  std::int64_t correct = 0;
  double loss = 0;
  double learning_rate = 0;
  double gradient_norm = 0;
  double samples_per_second = 0;

  [[nodiscard]] double accuracy() const { return static_cast<double>(correct) / static_cast<double>(samples); }
};

/// One finished epoch. A number that was not measured is NaN.
struct EpochRecord {
  std::uint64_t epoch = 0;  ///< 1 is the first
  std::uint64_t step = 0;   ///< steps done at its end
  double train_loss = 0;
  double train_accuracy = 0;
  double validation_loss = 0;
  double validation_accuracy = 0;
  double test_loss = 0;
  double test_accuracy = 0;
  double learning_rate = 0;  ///< of its last step
};

/// Sums over the steps of the running epoch, so that its mean survives an interruption.
struct RunningMetrics {
  double loss_sum = 0;  ///< sum of the samples' losses
  std::uint64_t correct = 0;
  std::uint64_t samples = 0;
};

/// What training needs beside the engine's state to go on where it stands.
struct TrainingPosition {
  std::uint64_t step = 0;             ///< steps done
  std::uint64_t steps_per_epoch = 0;  ///< that `running` was summed under
  RunningMetrics running;
  std::vector<EpochRecord> history;
};

}  // namespace spot
