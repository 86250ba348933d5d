#pragma once

#include <cstdint>

#include "engine/cuda/device.h"

namespace spot::cuda {

/// A matrix in column-major order: element (row, column) is at row + column * rows.
struct ColumnMajor {
  std::int64_t rows = 0, columns = 0;
  bool transposed = false;  ///< before it is multiplied
};

/// A row-major product as cublasLt, which is column-major, computes it: left * right = result, where left is
/// the specification's b and right its a, for a row-major matrix is the transposed column-major one.
struct ColumnMajorProduct {
  ColumnMajor left, right, result;
};
ColumnMajorProduct column_major(const ProductSpec& spec);

}  // namespace spot::cuda
