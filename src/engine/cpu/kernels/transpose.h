#pragma once

#include <cstddef>

namespace spot::kernels {

/// to[j * to_pitch + i] = from[i * from_pitch + j] for `rows` rows of `columns`.
void transpose(const float* from, std::size_t from_pitch, std::size_t rows, std::size_t columns, float* to,
               std::size_t to_pitch);

}  // namespace spot::kernels
