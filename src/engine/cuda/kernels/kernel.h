#pragma once

#include <variant>

#include "engine/cuda/kernels/activation.h"
#include "engine/cuda/kernels/batch_norm.h"
#include "engine/cuda/kernels/fill.h"
#include "engine/cuda/kernels/finish_step.h"
#include "engine/cuda/kernels/gather.h"
#include "engine/cuda/kernels/softmax.h"
#include "engine/cuda/kernels/sum_rows.h"
#include "engine/cuda/kernels/update.h"

namespace spot::cuda {

/// One of our kernels with its arguments. Each is a struct in a file of its subject with
///     std::uint64_t threads() const;            how many threads it takes
///     SPOT_DEVICE void operator()(std::uint64_t thread) const;
/// where no thread depends on another of the same kernel. The card runs them all at once, the tests' host device one
/// after the other: the same code, hence the same results but for the rounding of a few functions.
using Kernel = std::variant<ActivationBackward<Bfloat16>, ActivationBackward<float>, ActivationForward<Bfloat16>,
                            ActivationForward<float>, BatchNormBackward<Bfloat16>, BatchNormBackward<float>,
                            BatchNormForward<Bfloat16>, BatchNormForward<float>, BatchNormGradientSums<Bfloat16>,
                            BatchNormGradientSums<float>, BatchNormGradients, BatchNormMoments, BatchNormSums<Bfloat16>,
                            BatchNormSums<float>, Fill, FinishStep, Gather<Bfloat16>, Gather<float>, RoundParameters,
                            RunningMoments, SoftmaxInference, SoftmaxTraining<Bfloat16>, SoftmaxTraining<float>,
                            SumRows<Bfloat16>, SumRows<double>, SumRowsOfSeveral, SumStep, Update>;

}  // namespace spot::cuda
