#pragma once

#include <cuda_runtime_api.h>

#include "engine/cuda/card/filter_kernels.h"
#include "engine/cuda/kernels/kernel.h"

namespace spot::cuda {

/// Enqueues a kernel.
void launch(const Kernel& kernel, cudaStream_t stream);
void launch(const FilterKernel& kernel, cudaStream_t stream);

/// Loads all kernels, which the driver would otherwise do one by one when they are first launched. Throws
/// kUnsupported for a card that this build has none for.
void load_kernels();

}  // namespace spot::cuda
