#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <memory>
#include <type_traits>

namespace spot::cuda {

template <auto kDestroy>
struct Destroyer {
  template <typename T>
  void operator()(T* handle) const {
    static_cast<void>(kDestroy(handle));  // nothing can be done about a failure, and the next call reports it too
  }
};

/// A handle of CUDA or of one of its libraries, destroyed with its owner.
template <typename Handle, auto kDestroy>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroyer<kDestroy>>;

using StreamHandle = Owned<cudaStream_t, cudaStreamDestroy>;
using EventHandle = Owned<cudaEvent_t, cudaEventDestroy>;
using GraphHandle = Owned<cudaGraph_t, cudaGraphDestroy>;
using GraphExecHandle = Owned<cudaGraphExec_t, cudaGraphExecDestroy>;
using CudnnHandle = Owned<cudnnHandle_t, cudnnDestroy>;
using CublasHandle = Owned<cublasLtHandle_t, cublasLtDestroy>;

}  // namespace spot::cuda
