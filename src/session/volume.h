#pragma once

#include <filesystem>
#include <string>

#include "base/config.h"
#include "base/file.h"
#include "base/log.h"
#include "checkpoint/commit_steps.h"

namespace spot {

/// The persistent folder that a run lives in.
struct Volume {
  std::filesystem::path root;  ///< empty: there is none
  bool writable = true;        ///< false: by the key volume_access, then it may not even be there; or there is none

  [[nodiscard]] std::filesystem::path datasets() const { return root / "datasets"; }
  [[nodiscard]] std::filesystem::path checkpoints() const { return root / "checkpoints"; }
  [[nodiscard]] std::filesystem::path snapshots() const { return root / "snapshots"; }
  [[nodiscard]] std::filesystem::path models() const { return root / "models"; }
  [[nodiscard]] std::filesystem::path logs() const { return root / "logs"; }
};

/// Checks the volume that the configuration names and creates its folders; with volume_access read-only it does
/// neither. Throws kNotFound when it does not exist or is not mounted, kIo when it cannot be written.
Volume open_volume(const Config& config);
/// The folder snapshots/<name> of the volume, created if need be, with the same checks but without the volume's other
/// folders. Throws kConfig too, when there is no volume that may be written to.
std::filesystem::path open_snapshot_folder(const Config& config, const std::string& name);
/// Throws kConfig when there is none.
void check_has_volume(const Volume& volume);

/// Before anything of a writer is done in a folder of the volume: what a commit can keep there of what the key
/// durability asks for. Throws kIo where that is too little.
CommitPromise rehearse(const Config& config, const std::filesystem::path& path, const Log& log);

/// Replaces each CSV file of the folder by a copy made in `staging`: who holds one open for appending adds to the old
/// one from then on. What cannot be copied is reported and left.
void renew_logs(const std::filesystem::path& folder, const Fd& staging, const Log& log);

}  // namespace spot
