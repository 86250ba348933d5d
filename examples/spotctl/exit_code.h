#pragma once

#include <exception>
#include <stdexcept>
#include <string>

#include "library.h"

namespace spotctl {

// The numbers of sysexits.h, and three of our own that batch systems can tell apart.
constexpr int kDone = 0;
constexpr int kUsage = 64;
constexpr int kBadData = 65;
constexpr int kUnavailable = 69;
constexpr int kInternal = 70;
constexpr int kInputOutput = 74;
constexpr int kInterrupted = 75;  // the checkpoint is durable: run me again
constexpr int kInterruptedNotDurable = 76;
constexpr int kFenced = 77;  // another writer has taken the volume over: do not run me again

/// What ends a command: one line for people and a number for scripts.
class Failure : public std::runtime_error {
 public:
  Failure(int exit_code, const std::string& message) : std::runtime_error(message), exit_code_(exit_code) {}
  [[nodiscard]] int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

int exit_code_of(spot_status status);
/// Of a Failure, or of a call of the library that failed (Error); kInternal for any other exception.
int exit_code_of(const std::exception& exception);

}  // namespace spotctl
