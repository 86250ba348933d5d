#include "session/volume.h"

#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/access.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

namespace fs = std::filesystem;

dev_t device_of(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    fail_errno(cat("cannot examine '", path.string(), "'"), errno);
  }
  return info.st_dev;
}

/// A folder on the root disk looks like a volume until the machine and the disk are gone, so
/// "mounted" means that the folder is on another device than its parent.
void check_mounted(const fs::path& root) {
  if (device_of(root) != device_of(root / "..")) return;
  fail(Status::kNotFound,
       cat("nothing is mounted at volume '", root.string(), "': mount it, or set volume_must_be_mounted to false"));
}

void check_usable(const fs::path& directory) {
  if (::access(directory.c_str(), R_OK | W_OK | X_OK) == 0) return;
  fail_path(cat("volume folder '", directory.string(), "' cannot be used"), errno, directory, kShareVolume);
}

/// Shares what a private run of this user left in the folder. Who made the rest has to do the same.
void share(const fs::path& folder) {
  const Fd fd = open_directory(folder);
  if (is_shared(fd.get())) return;
  if (::fchmod(fd.get(), kSharedFolder) != 0) {
    fail_path(cat("volume folder '", folder.string(), "' cannot be shared"), errno, folder, kShareVolume);
  }
  for (const std::string& name : entry_names(fd)) {
    struct stat info {};
    if (::fstatat(fd.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 || info.st_uid != ::geteuid()) continue;
    if (S_ISDIR(info.st_mode)) share(folder / name);
    if (S_ISREG(info.st_mode)) ::fchmodat(fd.get(), name.c_str(), kSharedFile, 0);
  }
}

}  // namespace

Volume open_volume(const Config& config) {
  const std::string& name = config.text("volume");
  if (name.empty()) return {{}, false};
  std::error_code error;
  if (config.text("volume_access") == "read-only") return {fs::absolute(name, error), false};
  // A host may change its working directory later.
  Volume volume{fs::absolute(name, error)};
  const bool exists = fs::is_directory(volume.root, error);
  const bool is_for_group = config.text("volume_mode") == "group";
  if (!exists && fs::exists(volume.root, error)) {
    fail(Status::kIo, cat("volume '", name, "' is not a folder"));
  } else if (!exists) {
    fail(Status::kNotFound, cat("volume '", name, "' does not exist: mount or create it first"));
  }
  if (config.boolean("volume_must_be_mounted")) check_mounted(volume.root);
  check_usable(volume.root);
  for (const fs::path& folder : {volume.datasets(), volume.checkpoints(), volume.models(), volume.logs()}) {
    make_directory(folder);
    if (is_for_group) share(folder);
    check_usable(folder);
  }
  return volume;
}

void check_has_volume(const Volume& volume) {
  if (volume.root.empty()) fail(Status::kConfig, "volume is not set: give the path of the folder to save in");
}

void renew_logs(const fs::path& folder, const Fd& staging, const Log& log) {
  for (const std::string& name : entry_names(open_directory(folder))) {
    const fs::path path = folder / name;
    if (path.extension() != ".csv") continue;
    try {
      write_file_atomically(path, read_file(path, UINT64_MAX, Links::kRefuse), &staging, kByUmask);
    } catch (const Error& error) {
      if (error.status() == Status::kNotFound) continue;
      log.warning(cat("'", path.string(),
                      "' was not renewed, so a writer before, should it still live, may add to it: ", error.what()));
    }
  }
}

}  // namespace spot
