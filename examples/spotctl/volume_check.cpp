#include "volume_check.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <unistd.h>

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "exit_code.h"

namespace spotctl {
namespace {

namespace fs = std::filesystem;

constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;

Finding failure(const std::string& detail) {
  return {"volume", Health::kFail, detail, kInputOutput};
}

std::string name_of(const struct statfs& system) {
  switch (static_cast<std::uint32_t>(system.f_type)) {
    case EXT4_SUPER_MAGIC: return "ext4";  // and its forebears
    case XFS_SUPER_MAGIC: return "xfs";
    case BTRFS_SUPER_MAGIC: return "btrfs";
    case TMPFS_MAGIC: return "tmpfs";
    case OVERLAYFS_SUPER_MAGIC: return "overlay";
    case NFS_SUPER_MAGIC: return "nfs";
    case FUSE_SUPER_MAGIC: return "fuse";
    default: break;
  }
  char text[32];
  std::snprintf(text, sizeof text, "file system 0x%x", static_cast<unsigned>(system.f_type));
  return text;
}

bool is_on_root_disk(const std::string& folder) {
  struct stat of_folder {
  }, of_root{};
  return stat(folder.c_str(), &of_folder) == 0 && stat("/", &of_root) == 0 && of_folder.st_dev == of_root.st_dev;
}

/// Why what is there now may be gone later, and what to do; empty: nothing speaks for it.
std::string mortality(const std::string& folder, const std::string& system) {
  if (system == "tmpfs") return "it is memory and ends with the machine: mount a disk";
  if (system == "overlay") return "it is a container's own layer and ends with it: mount a volume";
  if (is_on_root_disk(folder)) return "it is on the root disk: does that outlive the machine? Else mount a volume";
  return "";
}

}  // namespace

Finding check_volume(const std::string& path, bool made_by_train) {
  std::error_code error;
  const std::string shown = fs::absolute(path, error).string();
  std::string folder = shown;
  if (!fs::exists(path, error)) {
    if (!made_by_train) return failure("'" + shown + "' does not exist: mount or create it first");
    folder = fs::current_path(error).string();  // where it will be made
  }
  if (!fs::is_directory(folder, error)) return failure("'" + shown + "' is not a folder");
  struct statfs system {};
  if (statfs(folder.c_str(), &system) != 0) return failure("'" + folder + "': " + std::strerror(errno));

  const double available = static_cast<double>(system.f_bavail) * static_cast<double>(system.f_bsize);
  char facts[128];
  std::snprintf(facts, sizeof facts, ": %s, %.1f GiB free", name_of(system).c_str(), available / kGibibyte);
  const std::string description = shown + (folder == shown ? "" : " (will be made)") + facts;
  const std::string why = mortality(folder, name_of(system));
  if (!why.empty()) return {"volume", Health::kWarn, description + "; " + why};
  return {"volume", Health::kOk, description};
}

}  // namespace spotctl
