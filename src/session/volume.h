#pragma once

#include <filesystem>

#include "base/config.h"
#include "base/file.h"
#include "base/log.h"

namespace spot {

/// The persistent folder that a run lives in.
struct Volume {
  std::filesystem::path root;  ///< empty: there is none
  bool writable = true;        ///< false: by the key volume_access, then it may not even be there; or there is none

  [[nodiscard]] std::filesystem::path datasets() const { return root / "datasets"; }
  [[nodiscard]] std::filesystem::path checkpoints() const { return root / "checkpoints"; }
  [[nodiscard]] std::filesystem::path models() const { return root / "models"; }
  [[nodiscard]] std::filesystem::path logs() const { return root / "logs"; }
};

/// Checks the volume that the configuration names and creates its folders; with volume_access read-only it does
/// neither. Throws kNotFound when it does not exist or is not mounted, kIo when it cannot be written.
Volume open_volume(const Config& config);
/// Throws kConfig when there is none.
void check_has_volume(const Volume& volume);

/// Replaces each CSV file of the folder by a copy made in `staging`: who holds one open for appending adds to the old
/// one from then on. What cannot be copied is reported and left.
void renew_logs(const std::filesystem::path& folder, const Fd& staging, const Log& log);

}  // namespace spot
