#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "engine/cuda/device_buffer.h"
#include "engine/cuda/stored_layout.h"

namespace spot::cuda {

/// Frozen states. A state is copied on the card, which takes microseconds, and from there into the host's memory by the
/// other stream, while steps go on; its reader waits for that and puts it in order.
class Snapshots {
 public:
  /// `layout` must outlive it.
  Snapshots(Device& device, const StoredLayout& layout) : device_(device), layout_(layout) {}

  [[nodiscard]] std::unique_ptr<StateReader> freeze(const float* state);
  /// Makes room for `count` at the same time.
  void reserve(std::size_t count);

 private:
  struct Slot {
    Slot(Device& device, std::size_t size)
        : copy(device, size), values(device, size), copied(device.make_event()), downloaded(device.make_event()) {}

    DeviceBuffer<float> copy;
    PinnedBuffer<float> values;
    std::unique_ptr<Event> copied, downloaded;
    std::atomic<bool> is_held = false;
  };
  class FrozenState;

  Slot& add() { return *slots_.emplace_back(std::make_unique<Slot>(device_, layout_.size())); }

  Device& device_;
  const StoredLayout& layout_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace spot::cuda
