#pragma once

#include <cstddef>
#include <cstdint>
#include <spot_trainer.h>

#include "engine/state_view.h"

namespace spot {

// What trainers, models and checkpoints say of their tensors.

/// Writes what is known of the tensor at `index`; its name lives as long as the layout. Throws kInvalidArgument.
void write_tensor_info(const StateLayout& layout, std::uint64_t index, spot_tensor_info* out);

/// The tensor of that name. Throws kNotFound, naming `where`.
const TensorSpec& find_tensor(const StateLayout& layout, const char* name, const std::string& where);

/// Copies one tensor, or all when `name` is null, of a state in the layout's order.
void copy_tensor(const StateView& state, const char* name, float* values, std::size_t length, const std::string& where);

}  // namespace spot
