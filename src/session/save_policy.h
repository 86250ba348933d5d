#pragma once

#include <cstdint>
#include <optional>

#include "checkpoint/save_reason.h"

namespace spot {

/// When a checkpoint is due. 0 switches a rule off; several rules may hold at once.
struct SavePolicy {
  std::uint64_t every_steps = 0;
  std::uint64_t every_epochs = 1;
  std::int64_t every_ns = 0;

  /// Why a save is due after `step` (> 0) steps: kEpoch or kInterval, or nothing when none is. `since_save_ns` is the
  /// time since the last one.
  [[nodiscard]] std::optional<SaveReason> due(std::uint64_t step, std::uint64_t steps_per_epoch,
                                              std::int64_t since_save_ns) const;
  /// Steps from `step` to the next that is due by `every_steps`; the largest number when none is.
  [[nodiscard]] std::uint64_t steps_until_due(std::uint64_t step) const;
};

}  // namespace spot
