#pragma once

#include <functional>

#include "base/status.h"

namespace spot::test {

/// The status with which the action throws; kOk when it does not.
inline Status status_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.status();
  }
  return Status::kOk;
}

}  // namespace spot::test
