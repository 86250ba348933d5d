#pragma once

#include <string>

namespace spotctl {

enum class Health { kOk, kWarn, kFail };

/// What one check of the doctor found.
struct Finding {
  std::string check;  ///< e.g. "volume"
  Health health{};
  std::string detail;  ///< what it is, or what is wrong and what to do
  int exit_code = 0;   ///< kFail: what a run would end with
};

}  // namespace spotctl
