#include "engine/cuda/card/product_layout.h"

namespace spot::cuda {

ColumnMajorProduct column_major(const ProductSpec& spec) {
  ColumnMajorProduct product;
  product.left = spec.transposed_b ? ColumnMajor{spec.k, spec.n, true} : ColumnMajor{spec.n, spec.k, false};
  product.right = spec.transposed_a ? ColumnMajor{spec.m, spec.k, true} : ColumnMajor{spec.k, spec.m, false};
  product.result = {spec.n, spec.m, false};
  return product;
}

}  // namespace spot::cuda
