#pragma once

#include <variant>

#include "engine/cuda/kernels/fill.h"

namespace spot::cuda {

/// One of our kernels with its arguments. Each is a struct in a file of its subject with
///     std::uint64_t threads() const;            how many threads it takes
///     SPOT_DEVICE void operator()(std::uint64_t thread) const;
/// where no thread depends on another of the same kernel. The card runs them all at once, the tests' host device one
/// after the other: the same code, hence the same results but for the rounding of a few functions.
using Kernel = std::variant<Fill>;

}  // namespace spot::cuda
