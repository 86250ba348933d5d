#include "engine/cuda/card/errors.h"

#include <array>
#include <string>

#include "base/text.h"

namespace spot::cuda {
namespace {

constexpr const char* kLost =
    "; the card is lost to this process, while what was saved on the volume is intact: start the run again, on another "
    "card if this comes back (nvidia-smi -q shows the card's errors)";

constexpr const char* kNoKernels =
    "; this build has no kernels for the card: choose another card with CUDA_VISIBLE_DEVICES, or build with "
    "-DCMAKE_CUDA_ARCHITECTURES for this one";

constexpr const char* kForked =
    "; if this process was forked from one that had used CUDA: start it anew instead, or use device=cpu";

constexpr auto kErrorContained = static_cast<cudaError_t>(226);  // has a name since CUDA 12.6

const char* remedy(cudaError_t error) {
  if (error == cudaErrorNoKernelImageForDevice) return kNoKernels;
  if (error == cudaErrorInitializationError) return kForked;
  return is_lost(error) ? kLost : "";
}

int category(cudnnStatus_t status) {
  return CUDNN_STATUS_CATEGORY(static_cast<int>(status));
}

/// cuDNN's account of the thread's last failure, on one line; may be empty.
std::string last_words() {
  std::array<char, 512> text{};
  cudnnGetLastErrorString(text.data(), text.size());
  return printable(trim(text.data()), text.size());
}

}  // namespace

Status status_of(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return Status::kOk;
    case cudaErrorMemoryAllocation: return Status::kNoMemory;
    case cudaErrorInsufficientDriver:
    case cudaErrorNoDevice:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorNotSupported: return Status::kUnsupported;
    default: return Status::kInternal;
  }
}

Status status_of(cudnnStatus_t status) {
  if (status == CUDNN_STATUS_SUCCESS) return Status::kOk;
  if (status == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ||
      status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED) {
    return Status::kNoMemory;
  }
  return category(status) == CUDNN_STATUS_NOT_SUPPORTED ? Status::kUnsupported : Status::kInternal;
}

Status status_of(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS: return Status::kOk;
    case CUBLAS_STATUS_ALLOC_FAILED: return Status::kNoMemory;
    case CUBLAS_STATUS_NOT_SUPPORTED:
    case CUBLAS_STATUS_ARCH_MISMATCH: return Status::kUnsupported;
    default: return Status::kInternal;
  }
}

bool is_lost(cudaError_t error) {
  switch (error) {
    case cudaErrorDevicesUnavailable:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case kErrorContained:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorContextIsDestroyed:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorExternalDevice:
    case cudaErrorMpsRpcFailure:
    case cudaErrorMpsClientTerminated:
    case cudaErrorUnknown: return true;
    default: return false;
  }
}

void check(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // or a later call would report this failure as its own
  fail(status_of(error), cat(call, ": ", cudaGetErrorString(error), " (", cudaGetErrorName(error), ")", remedy(error)));
}

void check(cudnnStatus_t status, const char* call) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  const std::string words = last_words();
  fail(status_of(status), cat(call, ": ", cudnnGetErrorString(status), words.empty() ? "" : ": ", words,
                              category(status) == CUDNN_STATUS_EXECUTION_FAILED ? kLost : ""));
}

void check(cublasStatus_t status, const char* call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail(status_of(status),
       cat(call, ": ", cublasLtGetStatusString(status), status == CUBLAS_STATUS_EXECUTION_FAILED ? kLost : ""));
}

void fail_out_of_memory(std::size_t bytes) {
  static_cast<void>(cudaGetLastError());
  std::size_t free = 0;
  std::size_t total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  fail(Status::kNoMemory,
       cat("the card has no memory for ", bytes, " bytes: ", free, " of ", total,
           " are free; use a smaller batch_size or model, or end what else runs on it (nvidia-smi)"));
}

}  // namespace spot::cuda
