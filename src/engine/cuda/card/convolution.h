#pragma once

#include <memory>

#include "engine/cuda/card/context.h"

namespace spot::cuda {

/// A convolution by cuDNN, see plan_engine().
std::unique_ptr<Operation> plan_convolution(Context& context, const ConvolutionSpec& spec);

}  // namespace spot::cuda
