#pragma once

#include <cstdint>
#include <cuda_runtime_api.h>

#include "engine/cuda/kernels/kernel.h"

namespace spot::cuda {

/// Enqueues one of our kernels.
void launch(const Kernel& kernel, cudaStream_t stream);

/// to[0 … size) = from[0 … size), which are bfloat16.
void launch_widen(const void* from, float* to, std::uint64_t size, cudaStream_t stream);

/// Loads all kernels, which the driver would otherwise do one by one when they are first launched. Throws
/// kUnsupported for a card that this build has none for.
void load_kernels();

}  // namespace spot::cuda
