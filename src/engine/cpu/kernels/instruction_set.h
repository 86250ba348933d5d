#pragma once

#include <cstddef>

namespace spot::kernels {

/// Whether this processor runs one of the instruction sets that the kernels are compiled for.
bool usable();

/// Floats of one vector register here: kernels need blocks of channels that are a multiple of it.
std::size_t lanes();

/// The name of the instruction set, as Highway has it: "AVX2", "AVX3".
const char* target_name();

}  // namespace spot::kernels
