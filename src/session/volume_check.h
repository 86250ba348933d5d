#pragma once

#include <string>
#include <vector>

#include "base/config.h"
#include "base/status.h"
#include "session/session.h"

namespace spot {

/// One thing that was looked at on a volume.
struct VolumeFinding {
  const char* check = "";       ///< "commit" or "room"
  bool good = true;             ///< false: a run works, but see `detail`; or it fails, with `status`
  Status status = Status::kOk;  ///< what a run would fail with
  std::string detail;           ///< one line
};

/// Rehearses a commit on the configured volume, and judges, where there is a session, whether its run has room.
/// Waits for no other writer and leaves only its folders. Throws what open_volume() does, and kCancelled when `stop`
/// said so.
std::vector<VolumeFinding> check_volume(const Config& config, Session* session, const StopCheck& stop);

/// What a run would end with: the first failure's status, or kOk.
Status status_of(const std::vector<VolumeFinding>& findings);

/// The findings as a JSON array.
std::string to_json(const std::vector<VolumeFinding>& findings);

}  // namespace spot
