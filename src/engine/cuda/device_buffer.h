#pragma once

#include <cstddef>
#include <utility>

#include "engine/cuda/device.h"

namespace spot::cuda {

/// A fixed number of elements in memory of the card, zeroed.
template <typename T>
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(Device& device, std::size_t size)
      : device_(&device), size_(size), data_(static_cast<T*>(device.allocate(size * sizeof(T)))) {}
  DeviceBuffer(DeviceBuffer&& other) noexcept { swap(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~DeviceBuffer() {
    if (data_ != nullptr) device_->free(data_);
  }

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  void swap(DeviceBuffer& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
  }

  Device* device_ = nullptr;
  std::size_t size_ = 0;
  T* data_ = nullptr;
};

/// The same in pinned memory of the host.
template <typename T>
class PinnedBuffer {
 public:
  PinnedBuffer(Device& device, std::size_t size)
      : device_(device), size_(size), data_(static_cast<T*>(device.allocate_pinned(size * sizeof(T)))) {}
  PinnedBuffer(const PinnedBuffer&) = delete;
  PinnedBuffer& operator=(const PinnedBuffer&) = delete;
  ~PinnedBuffer() { device_.free_pinned(data_); }

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  Device& device_;
  std::size_t size_;
  T* data_;
};

}  // namespace spot::cuda
