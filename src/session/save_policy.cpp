#include "session/save_policy.h"

namespace spot {

std::optional<SaveReason> SavePolicy::due(std::uint64_t step, std::uint64_t steps_per_epoch,
                                          std::int64_t since_save_ns) const {
  const bool epoch_end = step % steps_per_epoch == 0;
  if (epoch_end && every_epochs > 0 && step / steps_per_epoch % every_epochs == 0) return SaveReason::kEpoch;
  if (every_steps > 0 && step % every_steps == 0) return SaveReason::kInterval;
  if (every_ns > 0 && since_save_ns >= every_ns) return SaveReason::kInterval;
  return std::nullopt;
}

std::uint64_t SavePolicy::steps_until_due(std::uint64_t step) const {
  return every_steps == 0 ? UINT64_MAX : every_steps - step % every_steps;
}

}  // namespace spot
