#pragma once

#include <cstdint>
#include <initializer_list>

#include "base/status.h"
#include "base/text.h"

namespace spot::cuda {

/// What the libraries are told that every operand's address is a multiple of: the widest load of a thread.
constexpr std::int64_t kAlignment = 16;

inline void check_aligned(std::initializer_list<const void*> operands) {
  for (const void* operand : operands) {
    if (reinterpret_cast<std::uintptr_t>(operand) % kAlignment != 0) {
      fail(Status::kInternal, cat("an operation's operand is not aligned to ", kAlignment, " bytes"));
    }
  }
}

}  // namespace spot::cuda
