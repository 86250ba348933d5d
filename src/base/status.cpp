#include "base/status.h"

#include <cerrno>
#include <filesystem>
#include <new>
#include <system_error>

#include "base/text.h"

namespace spot {

void fail(Status status, const std::string& message, ErrorDetails details) {
  throw Error(status, message, details);
}

void fail_errno(const std::string& message, int os_errno) {
  const bool full = os_errno == ENOSPC || os_errno == EDQUOT || os_errno == EFBIG;
  fail(full ? Status::kNoSpace : Status::kIo, message + ": " + std::generic_category().message(os_errno),
       {.os_errno = os_errno});
}

Error as_error(const std::exception& exception) {
  if (const auto* error = dynamic_cast<const Error*>(&exception)) return *error;
  if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr) return {Status::kNoMemory, "out of memory"};
  if (const auto* error = dynamic_cast<const std::filesystem::filesystem_error*>(&exception)) {
    // Without the library's own words: "'PATH': File name too long".
    return {Status::kIo, cat("'", printable(error->path1().string(), 200), "': ", error->code().message()),
            ErrorDetails{.os_errno = error->code().value()}};
  }
  if (const auto* error = dynamic_cast<const std::system_error*>(&exception)) {  // a thread that could not be started
    return {Status::kIo, error->what(), ErrorDetails{.os_errno = error->code().value()}};
  }
  return {Status::kInternal, exception.what()};
}

}  // namespace spot
