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
#include "checkpoint/rehearsal.h"

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

/// The volume with its root checked, but not its folders.
Volume find_volume(const Config& config) {
  const std::string& name = config.text("volume");
  if (name.empty()) return {{}, false};
  std::error_code error;
  if (config.text("volume_access") == "read-only") return {fs::absolute(name, error), false};
  // A host may change its working directory later.
  Volume volume{fs::absolute(name, error)};
  const bool exists = fs::is_directory(volume.root, error);
  if (!exists && fs::exists(volume.root, error)) {
    fail(Status::kIo, cat("volume '", name, "' is not a folder"));
  } else if (!exists) {
    fail(Status::kNotFound, cat("volume '", name, "' does not exist: mount or create it first"));
  }
  if (config.boolean("volume_must_be_mounted")) check_mounted(volume.root);
  check_usable(volume.root);
  return volume;
}

void make_volume_folder(const fs::path& folder, const Config& config) {
  make_directory(folder);
  if (config.text("volume_mode") == "group") share(folder);
  check_usable(folder);
}

}  // namespace

Volume open_volume(const Config& config) {
  Volume volume = find_volume(config);
  if (!volume.writable) return volume;
  for (const fs::path& folder : {volume.datasets(), volume.checkpoints(), volume.models(), volume.logs()}) {
    make_volume_folder(folder, config);
  }
  return volume;
}

fs::path open_snapshot_folder(const Config& config, const std::string& name) {
  const Volume volume = find_volume(config);
  check_has_volume(volume);
  if (!volume.writable) fail(Status::kConfig, "volume_access is read-only, so no snapshot can be made on the volume");
  for (const fs::path& folder : {volume.snapshots(), volume.snapshots() / name}) make_volume_folder(folder, config);
  return volume.snapshots() / name;
}

void check_has_volume(const Volume& volume) {
  if (volume.root.empty()) fail(Status::kConfig, "volume is not set: give the path of the folder to save in");
}

CommitPromise rehearse(const Config& config, const std::filesystem::path& path, const Log& log) {
  try {
    const CommitPromise promise = rehearse_commit(open_directory(path), path).promise;
    check_promise(promise, config.text("durability") == "weak", path);
    const std::string lack = describe_lack(promise);
    if (!lack.empty()) {
      log.warning(cat("durability=weak: the file system of '", path.string(), "' ", lack,
                      ": a power cut may take what was reported as durable"));
    }
    return promise;
  } catch (const Error& error) {
    // What a writer before has left may make room yet.
    if (error.status() != Status::kNoSpace) throw;
    log.warning(cat("a save could not be rehearsed: ", error.what()));
    // Nobody knows what the file system lacks, so where it may lack something nothing is promised.
    if (config.text("durability") == "weak") return {.file_sync = false, .folder_sync = false, .no_replace = false};
    return {};
  }
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
