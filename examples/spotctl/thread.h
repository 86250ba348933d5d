#pragma once

#include <functional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "exit_code.h"

namespace spotctl {

/// Throws Failure when the system starts no further thread.
inline std::thread start_thread(const std::string& name, std::function<void()> body) {
  try {
    return std::thread(std::move(body));
  } catch (const std::system_error& error) {
    throw Failure(kInputOutput, "cannot start thread '" + name +
                                    "': raise the limit of processes (ulimit -u): " + error.code().message());
  }
}

}  // namespace spotctl
