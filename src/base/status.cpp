#include "base/status.h"

#include <cerrno>
#include <system_error>

namespace spot {

void fail(Status status, const std::string& message, ErrorDetails details) {
  throw Error(status, message, details);
}

void fail_errno(const std::string& message, int os_errno) {
  const bool full = os_errno == ENOSPC || os_errno == EDQUOT || os_errno == EFBIG;
  fail(full ? Status::kNoSpace : Status::kIo, message + ": " + std::generic_category().message(os_errno),
       {.os_errno = os_errno});
}

}  // namespace spot
