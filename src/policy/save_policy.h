#pragma once

#include <cstdint>
#include <optional>

#include "checkpoint/save_reason.h"
#include "policy/save_interval.h"

namespace spot {

/// A moment between two steps.
struct SaveMoment {
  std::uint64_t step = 0;  ///< steps done, > 0
  std::uint64_t steps_per_epoch = 1;
  std::int64_t since_save_ns = 0;  ///< since the last save began
  bool saving = false;             ///< that one is not durable yet
};

/// When a checkpoint is due. 0 switches a rule off; several rules may hold at once.
struct SavePolicy {
  std::uint64_t every_steps = 0;
  std::uint64_t every_epochs = 1;
  std::int64_t every_ns = 0;
  /// In the place of every_ns, when it is set. Such a save waits until the one before is durable: where the disk is
  /// slower than the best interval, saves follow one another without holding up training.
  std::optional<AutoInterval> automatic;

  /// Why a save is due: kEpoch or kInterval, or nothing when none is.
  [[nodiscard]] std::optional<SaveReason> due(const SaveMoment& moment) const;
  /// Steps from `step` to the next that is due by `every_steps`; the largest number when none is.
  [[nodiscard]] std::uint64_t steps_until_due(std::uint64_t step) const;
  /// The interval in force, in time; 0: none.
  [[nodiscard]] std::int64_t interval_ns() const { return automatic ? automatic->interval_ns() : every_ns; }
};

}  // namespace spot
