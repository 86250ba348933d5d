#include "base/free_space.h"

#include <algorithm>
#include <unistd.h>

#include <sys/quota.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

namespace spot {
namespace {

/// What the user's or group's quota leaves; nothing without one.
std::optional<std::uint64_t> left_of_quota(int fd, int kind, unsigned id) {
#ifdef SYS_quotactl_fd
  dqblk quota{};
  const bool known = ::syscall(SYS_quotactl_fd, fd, QCMD(Q_GETQUOTA, kind), id, &quota) == 0;
  if (known && (quota.dqb_valid & QIF_LIMITS) != 0 && quota.dqb_bhardlimit != 0) {
    const std::uint64_t limit = quota.dqb_bhardlimit * 1024;
    return limit - std::min<std::uint64_t>(limit, quota.dqb_curspace);
  }
#endif
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> free_space(int fd) {
  struct statvfs info {};
  // Some file systems without a disk of their own have no size.
  if (::fstatvfs(fd, &info) != 0 || info.f_blocks == 0) return std::nullopt;
  std::uint64_t bytes = std::uint64_t{info.f_bavail} * info.f_frsize;
  for (const auto& left : {left_of_quota(fd, USRQUOTA, ::geteuid()), left_of_quota(fd, GRPQUOTA, ::getegid())}) {
    if (left) bytes = std::min(bytes, *left);
  }
  return bytes;
}

}  // namespace spot
