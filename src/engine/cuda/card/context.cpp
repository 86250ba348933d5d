#include "engine/cuda/card/context.h"

#include "engine/cuda/card/errors.h"

namespace spot::cuda {

OnDevice::OnDevice(int device) {
  check(cudaGetDevice(&before_), "cudaGetDevice");
  if (before_ == device) return;
  check(cudaSetDevice(device), "cudaSetDevice");
  changed_ = true;
}

OnDevice::~OnDevice() {
  if (changed_) static_cast<void>(cudaSetDevice(before_));
}

Context::Context() {
  check(cudaGetDevice(&device_), "cudaGetDevice");
  check(cudaSetDevice(device_), "cudaSetDevice");  // creates the driver's context, which the libraries expect
  for (StreamHandle& handle : streams_) {
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    handle.reset(stream);
  }
  cudnnHandle_t cudnn = nullptr;
  check(cudnnCreate(&cudnn), "cudnnCreate");
  cudnn_.reset(cudnn);
  check(cudnnSetStream(cudnn, compute()), "cudnnSetStream");
  cublasLtHandle_t cublas = nullptr;
  check(cublasLtCreate(&cublas), "cublasLtCreate");
  cublas_.reset(cublas);
}

Context::~Context() {
  // Nobody to tell, as in Destroyer.
  int before = device_;
  static_cast<void>(cudaGetDevice(&before));
  static_cast<void>(cudaSetDevice(device_));
  workspace_.reset();
  cublas_.reset();
  cudnn_.reset();
  for (StreamHandle& stream : streams_) stream.reset();
  static_cast<void>(cudaSetDevice(before));
}

std::shared_ptr<void> Context::workspace(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  if (bytes > workspace_size_) {
    workspace_ = allocate_zeroed(bytes);
    workspace_size_ = bytes;
  }
  return workspace_;
}

CardMemory allocate_zeroed(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  void* memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, bytes);
  if (error == cudaErrorMemoryAllocation) fail_out_of_memory(bytes);
  check(error, "cudaMalloc");
  CardMemory owned(memory);
  check(cudaMemsetAsync(memory, 0, bytes, cudaStreamPerThread), "cudaMemsetAsync");
  check(cudaStreamSynchronize(cudaStreamPerThread), "cudaStreamSynchronize");
  return owned;
}

}  // namespace spot::cuda
