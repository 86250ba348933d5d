#include "engine/cuda/snapshots.h"

#include <algorithm>

namespace spot::cuda {

class Snapshots::FrozenState final : public StateReader {
 public:
  FrozenState(const StoredLayout& layout, Slot& slot) : layout_(layout), slot_(slot) {
    slot_.is_held.store(true, std::memory_order_relaxed);
  }
  // Release: what was read here must not see what is written once it is let go of.
  ~FrozenState() override { slot_.is_held.store(false, std::memory_order_release); }
  FrozenState(const FrozenState&) = delete;
  FrozenState& operator=(const FrozenState&) = delete;

  [[nodiscard]] const StateLayout& layout() const override { return layout_.canonical(); }
  [[nodiscard]] std::span<const float> read(const TensorSpec& tensor, std::span<float> room) const override {
    // Once: what has arrived stays readable, whatever becomes of the card.
    if (!has_arrived_) slot_.downloaded->wait();
    has_arrived_ = true;
    layout_.find(tensor).load(slot_.values.data(), room);
    return room;
  }

 private:
  const StoredLayout& layout_;
  Slot& slot_;
  mutable bool has_arrived_ = false;
};

void Snapshots::reserve(std::size_t count) {
  while (slots_.size() < count) add();
}

std::unique_ptr<StateReader> Snapshots::freeze(const float* state) {
  const auto found = std::find_if(slots_.begin(), slots_.end(),
                                  [](const auto& slot) { return !slot->is_held.load(std::memory_order_acquire); });
  Slot& slot = found != slots_.end() ? **found : add();
  const std::size_t bytes = layout_.size() * sizeof(float);
  slot.downloaded->hold(Stream::kCompute);  // its last reader may not have waited
  device_.copy(slot.copy.data(), state, bytes, Stream::kCompute);
  slot.copied->record(Stream::kCompute);
  slot.copied->hold(Stream::kCopy);
  device_.download(slot.values.data(), slot.copy.data(), bytes, Stream::kCopy);
  slot.downloaded->record(Stream::kCopy);
  return std::make_unique<FrozenState>(layout_, slot);
}

}  // namespace spot::cuda
