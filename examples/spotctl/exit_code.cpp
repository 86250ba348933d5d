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

void check(spot_status status, spot_error* error) {
  if (status == SPOT_OK) return;
  const std::string message = error == nullptr ? spot_status_name(status) : spot_error_message(error);
  spot_error_free(error);
  throw Failure(exit_code_of(status), message);
}

}  // namespace spotctl
