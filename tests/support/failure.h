#pragma once

#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "base/status.h"

namespace spot::test {

/// The Error that the action throws; nothing when it does not.
template <typename Action>
std::optional<Error> failure_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

/// The status with which the action throws; kOk when it does not.
template <typename Action>
Status status_of(const Action& action) {
  const auto error = failure_of(action);
  return error ? error->status() : Status::kOk;
}

/// The message of the Error that the action throws; empty when it does not.
template <typename Action>
std::string message_of(const Action& action) {
  const auto error = failure_of(action);
  return error ? error->what() : "";
}

/// The same, of an action that must throw with that status.
template <typename Action>
std::string message_of(Status status, const Action& action) {
  const auto error = failure_of(action);
  REQUIRE(error.has_value());
  CHECK(error->status() == status);
  return error->what();
}

}  // namespace spot::test
