#pragma once

#include <cstddef>
#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include "base/status.h"

namespace spot::cuda {

/// What a failure is to the caller: short of memory, unsupported here, or else.
Status status_of(cudaError_t error);
Status status_of(cudnnStatus_t status);
Status status_of(cublasStatus_t status);

/// Whether nothing more can be computed in this process: the card failed, or what ran on it did.
bool is_lost(cudaError_t error);

/// Throws "<call>: <the driver's or library's words>" with a remedy, unless the call succeeded.
void check(cudaError_t error, const char* call);
void check(cudnnStatus_t status, const char* call);
void check(cublasStatus_t status, const char* call);

/// Throws kNoMemory for `bytes` that the card does not have.
[[noreturn]] void fail_out_of_memory(std::size_t bytes);

}  // namespace spot::cuda
