#include "snapshot/tree.h"

#include <array>
#include <cerrno>
#include <climits>
#include <ctime>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <sys/stat.h>

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * kSecond + time.tv_nsec;
}

const char* special_kind(mode_t mode) {
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISFIFO(mode)) return "a pipe";
  return "a device";
}

class Scanner {
 public:
  explicit Scanner(const StopCheck& stop) : stop_(stop) {}

  Scan scan(const Fd& folder) {
    look_into(folder, "", 0);
    return std::move(scan_);
  }

 private:
  void look_into(const Fd& folder, const std::string& prefix, std::size_t depth) {
    if (depth > kMaxDepth) fail(Status::kData, cat("'", prefix, "' is nested deeper than ", kMaxDepth, " folders"));
    for (const std::string& name : entry_names(folder)) {
      check_stop(stop_, "looking at a folder");
      if (depth == 0 && is_left_alone(name)) continue;
      look_at(folder, name, prefix + name, depth);
    }
  }

  void look_at(const Fd& folder, const std::string& name, const std::string& path, std::size_t depth) {
    struct stat info {};
    if (::fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return;  // gone meanwhile: the next look tells
      fail_errno(cat("cannot examine '", path, "'"), errno);
    }
    if (scan_.tree.size() >= kMaxEntries) {
      fail(Status::kData, cat("there are more than ", kMaxEntries, " files in the folder"));
    }
    TreeEntry entry;
    entry.mode = info.st_mode & 0777U;
    entry.modified_ns = nanoseconds(info.st_mtim);
    if (S_ISREG(info.st_mode)) {
      entry.size = static_cast<std::uint64_t>(info.st_size);
      entry.stamp = {info.st_dev, info.st_ino, nanoseconds(info.st_ctim)};
      scan_.tree.emplace(path, std::move(entry));
    } else if (S_ISDIR(info.st_mode)) {
      entry.kind = EntryKind::kFolder;
      const Fd inside(::openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!inside.valid() && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return;  // likewise
      if (!inside.valid()) fail_errno(cat("cannot open '", path, "'"), errno);
      scan_.tree.emplace(path, std::move(entry));
      look_into(inside, path + "/", depth + 1);
    } else if (S_ISLNK(info.st_mode)) {
      add_link(folder, name, path, std::move(entry));
    } else {
      scan_.left_out.push_back(cat("'", path, "' (", special_kind(info.st_mode), ")"));
    }
  }

  void add_link(const Fd& folder, const std::string& name, const std::string& path, TreeEntry entry) {
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(folder.get(), name.c_str(), target.data(), target.size());
    if (size < 0) return;  // likewise
    entry.kind = EntryKind::kLink;
    entry.target.assign(target.data(), static_cast<std::size_t>(size));
    if (stays_inside(path, entry.target)) {
      scan_.tree.emplace(path, std::move(entry));
    } else {
      scan_.left_out.push_back(cat("'", path, "' (a link that leads out of the folder, or back up)"));
    }
  }

  const StopCheck& stop_;
  Scan scan_;
};

}  // namespace

bool is_unchanged(const TreeEntry& before, const TreeEntry& after) {
  if (before.kind != after.kind || before.mode != after.mode) return false;
  switch (before.kind) {
    case EntryKind::kFolder: return true;
    case EntryKind::kLink: return before.target == after.target;
    case EntryKind::kFile: break;
  }
  return before.size == after.size && before.modified_ns == after.modified_ns && before.stamp == after.stamp;
}

Scan scan_folder(const Fd& folder, const StopCheck& stop) {
  return Scanner(stop).scan(folder);
}

bool is_own_name(std::string_view name) {
  return name.starts_with(".spot-");
}

bool is_left_alone(std::string_view name) {
  return is_own_name(name) || name == "lost+found";
}

bool stays_inside(std::string_view path, std::string_view target) {
  if (target.empty() || target.front() == '/') return false;
  std::size_t above = 0;  // folders between the link and the top
  for (const char c : path) above += c == '/' ? 1 : 0;
  bool goes_down = false;
  for (const std::string& part : split(target, '/')) {
    if (part == ".") continue;
    const bool goes_up = part == "..";
    // Up again behind another link could be anywhere.
    if (goes_up && (goes_down || above == 0)) return false;
    if (goes_up) --above;
    goes_down = goes_down || !goes_up;
  }
  return true;
}

std::int64_t stamp_clock_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return nanoseconds(now);
}

}  // namespace spot
