#pragma once

#include <cstdint>
#include <cxxabi.h>
#include <exception>

#include "base/status.h"
#include "base/text.h"

namespace spot {

// Calls of the host's functions, which may be of C++ and throw. What pthread_exit() unwinds a thread with goes on, see
// guard().

/// What a callback answers. Throws kCallback for one that throws.
template <typename Callback>
__attribute__((noinline, no_sanitize("null"))) std::int32_t ask_host(const Callback& callback) {
  try {
    return callback();
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& error) {
    fail(Status::kCallback, cat("the callback threw an exception: ", error.what()));
  } catch (...) {
    fail(Status::kCallback, "the callback threw an exception");
  }
}

/// Calls a receiver whose failure is nobody's concern here.
template <typename Callback>
__attribute__((noinline, no_sanitize("null"))) void tell_host(const Callback& callback) {
  try {
    callback();
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {  // it has nobody to tell
  }
}

}  // namespace spot
