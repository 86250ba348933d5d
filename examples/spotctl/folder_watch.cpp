#include "folder_watch.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <sys/inotify.h>

#include "exit_code.h"

namespace spotctl {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kMask = IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE |
                                IN_ATTRIB | IN_ONLYDIR | IN_DONT_FOLLOW;

}  // namespace

FolderWatch::FolderWatch(std::string folder)
    : folder_(std::move(folder)), fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (fd_ < 0) {
    throw Failure(kInputOutput,
                  std::string("cannot watch a folder: raise fs.inotify.max_user_instances: ") + std::strerror(errno));
  }
  add(folder_);
}

FolderWatch::~FolderWatch() {
  close(fd_);
}

void FolderWatch::add(const std::string& folder) {
  // The folder itself may be a link; what is in it is not followed.
  const std::uint32_t mask = folder == folder_ ? kMask & ~std::uint32_t{IN_DONT_FOLLOW} : kMask;
  const int number = inotify_add_watch(fd_, folder.c_str(), mask);
  if (number < 0) {
    if (errno == ENOSPC) hears_all_ = false;
    return;
  }
  watched_[number] = folder;
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator(folder, gone)) {
    if (entry.is_directory(gone) && !entry.is_symlink(gone)) add(entry.path().string());
  }
}

FolderChange FolderWatch::take_changes() {
  FolderChange change = FolderChange::kNone;
  alignas(inotify_event) std::array<char, 16 * (sizeof(inotify_event) + NAME_MAX + 1)> buffer;
  for (;;) {
    const ssize_t size = read(fd_, buffer.data(), buffer.size());
    if (size <= 0) return change;
    for (ssize_t at = 0; at < size;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const std::string name = event.len == 0 ? "" : buffer.data() + at + sizeof event;
      at += static_cast<ssize_t>(sizeof event + event.len);
      if ((event.mask & IN_IGNORED) != 0) {
        watched_.erase(event.wd);
        continue;
      }
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        add(folder_);
        open_.clear();
      }
      const auto found = watched_.find(event.wd);
      const bool at_top = found != watched_.end() && found->second == folder_;
      if (at_top && name.rfind(".spot-", 0) == 0) continue;
      note(event.mask, event.cookie, {event.wd, name});
      const bool only_closed = (event.mask & IN_CLOSE_WRITE) != 0;
      change = std::max(change, only_closed ? FolderChange::kClosed : FolderChange::kWritten);
      const bool is_new_folder = (event.mask & IN_ISDIR) != 0 && (event.mask & (IN_CREATE | IN_MOVED_TO)) != 0;
      if (is_new_folder && found != watched_.end()) add(found->second + "/" + name);
    }
  }
}

void FolderWatch::note(std::uint32_t event, std::uint32_t cookie, const Place& place) {
  if ((event & IN_MODIFY) != 0) open_.insert(place);
  if ((event & IN_MOVED_TO) != 0 && moves_ == cookie) open_.insert(place);
  if ((event & (IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM)) == 0) return;
  const bool was_open = open_.erase(place) != 0;
  if (was_open && (event & IN_MOVED_FROM) != 0) moves_ = cookie;
}

std::string FolderWatch::open_file() const {
  return open_.empty() ? std::string() : open_.begin()->second;
}

bool FolderWatch::look_again() {
  const std::size_t before = watched_.size();
  for (const auto& [number, folder] : watched_) {
    if (folder == folder_) return false;
  }
  add(folder_);
  return watched_.size() > before;
}

}  // namespace spotctl
