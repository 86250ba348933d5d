#pragma once

#include <cstdint>
#include <string>

namespace spot {

/// The instruction set that oneDNN's kernels use on this machine, as checkpoints record it: two machines with
/// the same one compute the same bits.
std::string instruction_set_name();

/// Channels that blocked layouts keep side by side: the floats of one vector register.
std::int64_t preferred_channel_block();

}  // namespace spot
