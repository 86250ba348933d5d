#pragma once

#include <spot_trainer.h>

namespace spotctl {

/// SPOT_ACTION_... as the JSON output names it.
inline const char* action_name(int32_t action) {
  switch (action) {
    case SPOT_ACTION_STOP: return "stop";
    case SPOT_ACTION_HIBERNATE: return "hibernate";
    case SPOT_ACTION_REBALANCE: return "rebalance";
    case SPOT_ACTION_REQUEST: return "request";
    default: return "terminate";
  }
}

}  // namespace spotctl
