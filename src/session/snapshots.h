#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "snapshot/snapshot_store.h"

namespace spot {

/// The snapshots of `folder` that the configured volume keeps in snapshots/<name>. Rehearses a commit there, as a run
/// does. Throws what SnapshotStore's constructor does, and kConfig for a name that cannot be, or when there is no
/// volume to write to.
std::unique_ptr<SnapshotStore> open_snapshots(const Config& config, const std::filesystem::path& folder,
                                              const std::string& name, const Clock& clock, const Log& log,
                                              const StopCheck& stop);

}  // namespace spot
