#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cxxabi.h>
#include <span>
#include <spot_trainer.h>
#include <string>
#include <string_view>
#include <utility>

#include "base/fork_guard.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {

/// Turns the exception being handled into a status and, unless `error` is null, an error for the
/// caller.
spot_status report_exception(spot_error** error) noexcept;

/// Where exceptions stop: runs the body of an exported function. What pthread_exit() and pthread_cancel() unwind a
/// thread with, in a callback for instance, is no exception and goes on: glibc ends the process where it is kept. What
/// is caught then is a reference to nothing, which UBSan would complain of.
template <typename Body>
__attribute__((noinline, no_sanitize("null"))) spot_status guard(spot_error** error, Body&& body) {
  if (error != nullptr) *error = nullptr;
  try {
    std::forward<Body>(body)();
    return SPOT_OK;
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    return report_exception(error);
  }
}

/// The object behind a pointer that may not be null; `name` is the parameter's.
template <typename T>
T& required(T* pointer, std::string_view name) {
  if (pointer == nullptr) fail(Status::kInvalidArgument, cat("'", name, "' may not be NULL"));
  return *pointer;
}

/// Throws kInvalidArgument unless an array has the number of elements that it must have.
void check_length(std::string_view name, std::size_t length, std::size_t expected);

/// Refuses a handle in a child of the process that made it: its threads do not exist there.
inline void check_process(const ForkGuard& owner) {
  if (!owner.forked()) return;
  fail(Status::kForked, "the handle belongs to the parent process: create one after fork()");
}

/// Who uses a handle that takes one call at a time.
class HandleUse {
 public:
  [[nodiscard]] bool forked() const { return owner_.forked(); }
  /// False when a call is using it already.
  [[nodiscard]] bool begin() { return !busy_.exchange(true, std::memory_order_acquire); }
  void end() { busy_.store(false, std::memory_order_release); }
  [[nodiscard]] const ForkGuard& owner() const { return owner_; }
  void check() const { check_process(owner_); }

 private:
  ForkGuard owner_;
  std::atomic<bool> busy_{false};
};

/// Holds a handle for one call. Throws kForked or kBusy.
class Call {
 public:
  explicit Call(HandleUse& use) : use_(use) {
    use_.check();
    if (!use_.begin()) fail(Status::kBusy, "another call is using the handle");
  }
  ~Call() { use_.end(); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  HandleUse& use_;
};

/// Frees a handle that takes one call at a time. Does nothing in a forked child, nor while a call
/// (the caller of a callback, say) is using it: losing memory is better than pulling the ground
/// from under that call.
template <typename Handle>
void free_handle(Handle* handle) noexcept {
  if (handle == nullptr || handle->use.forked() || !handle->use.begin()) return;
  delete handle;
}

/// A copy for the caller, to be freed with spot_text_free().
char* copy_text(const std::string& text);
/// The same, to be freed with spot_bytes_free().
std::uint8_t* copy_bytes(std::span<const std::byte> bytes);

}  // namespace spot
