#pragma once

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>

namespace spot {

/// The codes of `spot_status` in the public header; src/capi asserts that the numbers agree.
enum class Status : std::int32_t {
  kOk = 0,
  kInvalidArgument = 1,
  kConfig = 2,
  kData = 3,
  kModel = 4,
  kIo = 5,
  kNoSpace = 6,
  kCorrupt = 7,
  kNotFound = 8,
  kMismatch = 9,
  kNetwork = 10,
  kBusy = 11,
  kOrder = 12,
  kCancelled = 13,
  kCallback = 14,
  kForked = 15,
  kFenced = 16,
  kTimeout = 17,
  kUnsupported = 18,
  kNoMemory = 19,
  kInternal = 20,
  kDiverged = 21,
};

/// What is known about the cause of an error beside its message; the neutral value means "not applicable".
struct ErrorDetails {
  int os_errno = 0;
  int http_status = 0;
  std::int64_t byte_offset = -1;
};

/// An error on its way to the caller. The message is one line: what was wrong, with which file, key or
/// value, and what to do about it.
class Error : public std::runtime_error {
 public:
  Error(Status status, const std::string& message, ErrorDetails details = {})
      : std::runtime_error(message), status_(status), details_(details) {}

  [[nodiscard]] Status status() const { return status_; }
  [[nodiscard]] const ErrorDetails& details() const { return details_; }

 private:
  Status status_;
  ErrorDetails details_;
};

[[noreturn]] void fail(Status status, const std::string& message, ErrorDetails details = {});

/// Throws for a failed system call: kNoSpace for ENOSPC, EDQUOT and EFBIG, else kIo. The message becomes
/// "<message>: <text of os_errno>".
[[noreturn]] void fail_errno(const std::string& message, int os_errno);

/// What any exception is to the caller: an Error as it is, the standard library's with the status that fits.
Error as_error(const std::exception& exception);

}  // namespace spot
