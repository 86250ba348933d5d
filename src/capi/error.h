#pragma once

#include <spot_trainer.h>
#include <string>

#include "base/status.h"

struct spot_error {
  spot::Status status;
  std::string message;
  spot::ErrorDetails details;
};

namespace spot {

/// The one error that needs no memory; spot_error_free() leaves it alone.
spot_error* out_of_memory_error() noexcept;

}  // namespace spot
