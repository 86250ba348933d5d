#include "capi/guard.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

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

spot_status report_standard(spot_error** error, const std::exception& exception) noexcept {
  try {
    const Error told = as_error(exception);
    return report(error, told.status(), told.what(), told.details());
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
  } catch (const std::exception& e) {
    return report_standard(error, e);
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
