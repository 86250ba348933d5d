#include "capi/error.h"

#include <array>
#include <cstddef>
#include <cstdlib>

namespace {

constexpr std::array kNames = {
    "SPOT_OK",
    "SPOT_E_INVALID_ARGUMENT",
    "SPOT_E_CONFIG",
    "SPOT_E_DATA",
    "SPOT_E_MODEL",
    "SPOT_E_IO",
    "SPOT_E_NO_SPACE",
    "SPOT_E_CORRUPT",
    "SPOT_E_NOT_FOUND",
    "SPOT_E_MISMATCH",
    "SPOT_E_NETWORK",
    "SPOT_E_BUSY",
    "SPOT_E_ORDER",
    "SPOT_E_CANCELLED",
    "SPOT_E_CALLBACK",
    "SPOT_E_FORKED",
    "SPOT_E_FENCED",
    "SPOT_E_TIMEOUT",
    "SPOT_E_UNSUPPORTED",
    "SPOT_E_NO_MEMORY",
    "SPOT_E_INTERNAL",
    "SPOT_E_DIVERGED",
};

constexpr bool same(spot::Status status, spot_status number) {
  return static_cast<spot_status>(status) == number;
}
static_assert(same(spot::Status::kOk, SPOT_OK));
static_assert(same(spot::Status::kInvalidArgument, SPOT_E_INVALID_ARGUMENT));
static_assert(same(spot::Status::kConfig, SPOT_E_CONFIG));
static_assert(same(spot::Status::kData, SPOT_E_DATA));
static_assert(same(spot::Status::kModel, SPOT_E_MODEL));
static_assert(same(spot::Status::kIo, SPOT_E_IO));
static_assert(same(spot::Status::kNoSpace, SPOT_E_NO_SPACE));
static_assert(same(spot::Status::kCorrupt, SPOT_E_CORRUPT));
static_assert(same(spot::Status::kNotFound, SPOT_E_NOT_FOUND));
static_assert(same(spot::Status::kMismatch, SPOT_E_MISMATCH));
static_assert(same(spot::Status::kNetwork, SPOT_E_NETWORK));
static_assert(same(spot::Status::kBusy, SPOT_E_BUSY));
static_assert(same(spot::Status::kOrder, SPOT_E_ORDER));
static_assert(same(spot::Status::kCancelled, SPOT_E_CANCELLED));
static_assert(same(spot::Status::kCallback, SPOT_E_CALLBACK));
static_assert(same(spot::Status::kForked, SPOT_E_FORKED));
static_assert(same(spot::Status::kFenced, SPOT_E_FENCED));
static_assert(same(spot::Status::kTimeout, SPOT_E_TIMEOUT));
static_assert(same(spot::Status::kUnsupported, SPOT_E_UNSUPPORTED));
static_assert(same(spot::Status::kNoMemory, SPOT_E_NO_MEMORY));
static_assert(same(spot::Status::kInternal, SPOT_E_INTERNAL));
static_assert(same(spot::Status::kDiverged, SPOT_E_DIVERGED));
static_assert(kNames.size() == SPOT_E_DIVERGED + 1);

}  // namespace

namespace spot {

spot_error* out_of_memory_error() noexcept {
  // The message is short enough for std::string's own buffer, so nothing here allocates.
  static spot_error error{Status::kNoMemory, "out of memory", {}};
  return &error;
}

}  // namespace spot

const char* spot_status_name(spot_status status) {
  const auto index = static_cast<std::size_t>(status);
  return status >= 0 && index < kNames.size() ? kNames[index] : "SPOT_E_UNKNOWN";
}

spot_status spot_error_code(const spot_error* error) {
  return error == nullptr ? SPOT_OK : static_cast<spot_status>(error->status);
}

const char* spot_error_message(const spot_error* error) {
  return error == nullptr ? "" : error->message.c_str();
}

int32_t spot_error_os_errno(const spot_error* error) {
  return error == nullptr ? 0 : error->details.os_errno;
}

int32_t spot_error_http_status(const spot_error* error) {
  return error == nullptr ? 0 : error->details.http_status;
}

int64_t spot_error_byte_offset(const spot_error* error) {
  return error == nullptr ? -1 : error->details.byte_offset;
}

void spot_error_free(spot_error* error) {
  if (error != spot::out_of_memory_error()) delete error;
}

void spot_text_free(char* text) {
  std::free(text);
}

void spot_bytes_free(uint8_t* bytes) {
  std::free(bytes);
}
