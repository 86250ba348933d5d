#include "capi/guard.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>
#include <system_error>

#include "capi/error.h"

namespace spot {
namespace {

/// The caller's error, or the immortal one when there is no memory for it.
spot_error* make_error(Status status, const std::string& message, ErrorDetails details) noexcept {
  try {
    return new spot_error{status, valid_utf8(message), details};
  } catch (...) {
    return out_of_memory_error();
  }
}

spot_status report(spot_error** error, Status status, const char* message, ErrorDetails details = {}) noexcept {
  if (error != nullptr) {
    *error = status == Status::kNoMemory ? out_of_memory_error() : make_error(status, message, details);
  }
  return static_cast<spot_status>(status);
}

/// "'PATH': File name too long", without the library's own words.
spot_status report_path(spot_error** error, const std::filesystem::filesystem_error& e) noexcept {
  try {
    const std::string message = cat("'", printable(e.path1().string(), 200), "': ", e.code().message());
    return report(error, Status::kIo, message.c_str(), {.os_errno = e.code().value()});
  } catch (...) {
    return report(error, Status::kNoMemory, "");
  }
}

}  // namespace

spot_status report_exception(spot_error** error) noexcept {
  try {
    throw;
  } catch (const Error& e) {
    return report(error, e.status(), e.what(), e.details());
  } catch (const std::bad_alloc&) {
    return report(error, Status::kNoMemory, "");
  } catch (const std::filesystem::filesystem_error& e) {
    return report_path(error, e);
  } catch (const std::system_error& e) {
    return report(error, Status::kIo, e.what(), {.os_errno = e.code().value()});  // a thread that could not be started
  } catch (const std::exception& e) {
    return report(error, Status::kInternal, e.what());
  } catch (...) {
    return report(error, Status::kInternal, "an exception of an unknown type");
  }
}

void check_length(std::string_view name, std::size_t length, std::size_t expected) {
  if (length == expected) return;
  fail(Status::kInvalidArgument, cat("'", name, "' has ", length, " elements and needs ", expected));
}

char* copy_text(const std::string& text) {
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) throw std::bad_alloc();
  std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

std::uint8_t* copy_bytes(std::span<const std::byte> bytes) {
  auto* copy = static_cast<std::uint8_t*>(std::malloc(std::max<std::size_t>(bytes.size(), 1)));
  if (copy == nullptr) throw std::bad_alloc();
  std::memcpy(copy, bytes.data(), bytes.size());
  return copy;
}

}  // namespace spot
