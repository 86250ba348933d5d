#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "engine/cuda/card/handles.h"
#include "engine/cuda/device.h"

namespace spot::cuda {

/// Makes a card the calling thread's while in scope: the driver keeps one choice for each thread, and the thread may
/// be a host's that computes on another card.
class OnDevice {
 public:
  explicit OnDevice(int device);
  ~OnDevice();
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  int before_ = 0;
  bool changed_ = false;
};

/// What all work on one card shares.
class Context {
 public:
  /// On the calling thread's current card.
  Context();
  /// The handles go where they were made, whatever card is the thread's.
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  [[nodiscard]] int device() const { return device_; }
  [[nodiscard]] cudaStream_t stream(Stream stream) const { return streams_.at(static_cast<std::size_t>(stream)).get(); }
  [[nodiscard]] cudaStream_t compute() const { return stream(Stream::kCompute); }
  [[nodiscard]] cudnnHandle_t cudnn() const { return cudnn_.get(); }
  [[nodiscard]] cublasLtHandle_t cublas() const { return cublas_.get(); }
  /// At least `bytes` for an operation to work in; null for none. Operations share it, because they run one after the
  /// other; one that needs more than those before gets memory that those behind it share.
  [[nodiscard]] std::shared_ptr<void> workspace(std::size_t bytes);

 private:
  int device_ = 0;
  std::array<StreamHandle, 2> streams_;
  CudnnHandle cudnn_;
  CublasHandle cublas_;
  std::shared_ptr<void> workspace_;
  std::size_t workspace_size_ = 0;
};

/// Memory of the current card.
using CardMemory = Owned<void*, cudaFree>;

/// Filled with zeros on return, whatever the streams are at. Nothing for 0 bytes. Throws kNoMemory.
CardMemory allocate_zeroed(std::size_t bytes);

}  // namespace spot::cuda
