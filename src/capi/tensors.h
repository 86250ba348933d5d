#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <spot_trainer.h>
#include <string>

#include "capi/guard.h"
#include "engine/state_view.h"

namespace spot {

// What trainers, models and checkpoints say of their tensors.

/// Writes what is known of the tensor at `index`; its name lives as long as the layout. Throws kInvalidArgument.
void write_tensor_info(const StateLayout& layout, std::uint64_t index, spot_tensor_info* out);

/// The tensor of that name. Throws kNotFound, naming `where`.
const TensorSpec& find_tensor(const StateLayout& layout, const char* name, const std::string& where);

/// Copies one tensor, or all when `name` is null, out of something that has read_state() and read_tensor().
template <typename Source>
void copy_tensor(const Source& source, const StateLayout& layout, const char* name, float* values, std::size_t length,
                 const std::string& where) {
  const TensorSpec* tensor = name == nullptr ? nullptr : &find_tensor(layout, name, where);
  check_length("values", length, tensor == nullptr ? layout.size() : tensor->size);
  const std::span<float> room(&required(values, "values"), length);
  if (tensor == nullptr) {
    source.read_state(room);
  } else {
    source.read_tensor(*tensor, room);
  }
}

}  // namespace spot
