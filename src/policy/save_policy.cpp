#include "policy/save_policy.h"

namespace spot {

std::optional<SaveReason> SavePolicy::due(const SaveMoment& moment) const {
  const bool epoch_end = moment.step % moment.steps_per_epoch == 0;
  if (epoch_end && every_epochs > 0 && moment.step / moment.steps_per_epoch % every_epochs == 0) {
    return SaveReason::kEpoch;
  }
  if (every_steps > 0 && moment.step % every_steps == 0) return SaveReason::kInterval;
  if (automatic && moment.saving) return std::nullopt;
  const std::int64_t interval = interval_ns();
  if (interval > 0 && moment.since_save_ns >= interval) return SaveReason::kInterval;
  return std::nullopt;
}

std::uint64_t SavePolicy::steps_until_due(std::uint64_t step) const {
  return every_steps == 0 ? UINT64_MAX : every_steps - step % every_steps;
}

}  // namespace spot
