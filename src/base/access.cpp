#include "base/access.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <system_error>
#include <unistd.h>

#include <sys/stat.h>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

constexpr std::size_t kEntrySize = 4096;

std::string user_name(uid_t id) {
  std::array<char, kEntrySize> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(id, &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? cat("uid ", id) : cat("uid ", id, " (", found->pw_name, ")");
}

std::string group_name(gid_t id) {
  std::array<char, kEntrySize> buffer{};
  group entry{};
  group* found = nullptr;
  ::getgrgid_r(id, &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? cat("gid ", id) : cat("gid ", id, " (", found->gr_name, ")");
}

}  // namespace

bool is_shared(int folder) {
  constexpr mode_t kNeeded = S_ISGID | S_IRWXG;
  struct stat info {};
  return ::fstat(folder, &info) == 0 && (info.st_mode & kNeeded) == kNeeded;
}

int share_like(int folder, int made) {
  struct stat info {};
  if (!is_shared(folder)) return 0;
  if (::fstat(made, &info) != 0) return errno;
  return ::fchmod(made, S_ISDIR(info.st_mode) ? kSharedFolder : kSharedFile) == 0 ? 0 : errno;
}

int share_in(const std::filesystem::path& parent, int made) {
  const Fd folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder.valid() ? share_like(folder.get(), made) : 0;
}

void fail_path(const std::string& message, int os_errno, const std::filesystem::path& path, const std::string& remedy) {
  struct stat info {};
  std::filesystem::path at = path;
  while (::lstat(at.c_str(), &info) != 0 && at.has_parent_path() && at != at.parent_path()) at = at.parent_path();
  if ((os_errno != EACCES && os_errno != EPERM) || ::lstat(at.c_str(), &info) != 0) fail_errno(message, os_errno);
  std::array<char, 8> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(info.st_mode & 07777U));
  fail(Status::kIo,
       cat(message, ": ", std::generic_category().message(os_errno), "; '", at.string(), "' belongs to ",
           user_name(info.st_uid), ", ", group_name(info.st_gid), ", mode ", mode.data(), ", and this is ",
           user_name(::geteuid()), remedy.empty() ? "" : ": ", remedy),
       {.os_errno = os_errno});
}

}  // namespace spot
