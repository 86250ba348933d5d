#include "checkpoint/commit_steps.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

namespace spot {

std::string CommitPromise::left_out() const {
  std::string text;
  const auto add = [&](bool promised, const char* name) {
    if (!promised) text += text.empty() ? name : std::string(",") + name;
  };
  add(file_sync, "file-sync");
  add(folder_sync, "folder-sync");
  add(no_replace, "no-replace");
  return text;
}

bool means_unsupported(int error) {
  return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == ENOTSUP || error == ENOTTY;
}

int sync_file(int fd, const CommitPromise& promise) {
  return ::fdatasync(fd) == 0 || (!promise.file_sync && means_unsupported(errno)) ? 0 : errno;
}

int sync_folder(int fd, const CommitPromise& promise) {
  return ::fsync(fd) == 0 || (!promise.folder_sync && means_unsupported(errno)) ? 0 : errno;
}

int publish_name(int from, const std::string& name, int to, const std::string& final_name, const CommitPromise& promise,
                 Publishing& how) {
  how = Publishing::kRenamed;
  if (::renameat2(from, name.c_str(), to, final_name.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (!means_unsupported(errno)) return errno;
  // A file system that cannot rename without replacing can perhaps link without replacing.
  if (::linkat(from, name.c_str(), to, final_name.c_str(), 0) == 0) {
    how = Publishing::kLinked;
    return 0;
  }
  const int error = errno;
  if (promise.no_replace || (error != EPERM && !means_unsupported(error))) return error;
  struct stat info {};
  if (::fstatat(to, final_name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
  return ::renameat(from, name.c_str(), to, final_name.c_str()) == 0 ? 0 : errno;
}

}  // namespace spot
