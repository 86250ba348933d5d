#pragma once

#include <vector>

#include "checkpoint/checkpoint.h"
#include "engine/state_view.h"

namespace spot {

/// Whether `stored` has every parameter and statistic of `needed`, by name and shape.
bool holds_model(const StateLayout& stored, const StateLayout& needed);

/// The checkpoint's values in another layout of its model. Tensors are known by name and shape; an accumulator that the
/// checkpoint does not hold starts at 0. Throws kMismatch when a parameter or statistic is missing.
std::vector<float> fit_state(const Checkpoint& checkpoint, const StateLayout& layout);

}  // namespace spot
