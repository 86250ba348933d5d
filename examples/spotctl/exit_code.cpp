#include "exit_code.h"

namespace spotctl {

int exit_code_of(spot_status status) {
  switch (status) {
    case SPOT_OK: return kDone;
    case SPOT_E_INVALID_ARGUMENT:
    case SPOT_E_CONFIG:
    case SPOT_E_ORDER:
    case SPOT_E_UNSUPPORTED: return kUsage;
    case SPOT_E_DATA:
    case SPOT_E_MODEL:
    case SPOT_E_CORRUPT:
    case SPOT_E_DIVERGED:
    case SPOT_E_MISMATCH: return kBadData;
    case SPOT_E_NETWORK:
    case SPOT_E_TIMEOUT: return kUnavailable;
    case SPOT_E_IO:
    case SPOT_E_NO_SPACE:
    case SPOT_E_NOT_FOUND: return kInputOutput;
    case SPOT_E_FENCED: return kFenced;
    default: return kInternal;
  }
}

int exit_code_of(const std::exception& exception) {
  if (const auto* failure = dynamic_cast<const Failure*>(&exception)) return failure->exit_code();
  if (const auto* error = dynamic_cast<const Error*>(&exception)) return exit_code_of(error->status());
  return kInternal;
}

}  // namespace spotctl
