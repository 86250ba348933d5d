#pragma once

#include <memory>

#include "engine/cuda/card/context.h"

namespace spot::cuda {

/// A matrix product by cublasLt, by the first algorithm of its heuristics.
std::unique_ptr<Operation> plan_product(Context& context, const ProductSpec& spec);

}  // namespace spot::cuda
