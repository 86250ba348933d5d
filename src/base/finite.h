#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace spot {

/// Whether no value is infinite or NaN.
bool all_finite(std::span<const float> values);
/// The same for floats that lie at any address.
bool all_finite(std::span<const std::byte> floats);

/// Throws kDiverged with what is not finite ("the loss of step 7") and what to do about it.
[[noreturn]] void fail_diverged(const std::string& what);

}  // namespace spot
