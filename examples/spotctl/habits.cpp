#include "habits.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>

#include <sys/stat.h>

#include "code_version.h"
#include "exit_code.h"

namespace spotctl {
namespace {

constexpr const char* kVolume = "spot-volume";

void set_if_empty(const Config& config, const char* key, const std::string& value) {
  if (value.empty() || !value_of(config, key).empty()) return;
  call(spot_config_set_str, config.get(), key, value.c_str());
}

}  // namespace

std::string habit_of(const std::string& key) {
  if (key == "volume") return kVolume;
  return key == "dataset" ? "auto" : "";
}

void follow_habits(const Config& config) {
  for (const char* key : {"volume", "dataset"}) set_if_empty(config, key, habit_of(key));
  std::error_code gone;
  const std::filesystem::path folder = std::filesystem::current_path(gone);
  if (!gone) set_if_empty(config, "code_version", find_code_version(folder));
}

void make_habitual_volume(const Config& config) {
  if (value_of(config, "volume") != kVolume || value_of(config, "volume_access") == "read-only") return;
  const mode_t mode = value_of(config, "volume_mode") == "group" ? 02770 : 0700;
  if (mkdir(kVolume, mode) != 0) {
    if (errno == EEXIST) return;
    throw Failure(kInputOutput, std::string("volume './") + kVolume + "' cannot be made: " + std::strerror(errno));
  }
  // The mask of new files is not for what a group is to share.
  if (mode != 0700) chmod(kVolume, mode);
  // The folder's own entry is to survive a power cut as what is saved in it does.
  const int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (here < 0) return;
  fsync(here);
  close(here);
}

}  // namespace spotctl
