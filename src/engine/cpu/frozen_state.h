#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <utility>

#include "engine/cpu/operator.h"
#include "engine/state_view.h"

namespace spot {

/// The orders of the tensors that are stored in an operator's own, by the tensor's offset.
using StoredOrders = std::map<std::size_t, const StoredOrder*>;

/// A frozen arena whose stored orders are undone while it is read.
class FrozenState final : public StateReader {
 public:
  /// `layout` and `orders` must outlive it.
  FrozenState(const StateLayout& layout, const StoredOrders& orders, std::shared_ptr<const float> arena)
      : layout_(layout), orders_(orders), arena_(std::move(arena)) {}

  [[nodiscard]] const StateLayout& layout() const override { return layout_; }
  [[nodiscard]] std::span<const float> read(const TensorSpec& tensor, std::span<float> room) const override {
    const float* values = arena_.get() + tensor.offset;
    const auto order = orders_.find(tensor.offset);
    if (order == orders_.end()) return {values, tensor.size};
    order->second->load(values, room.data());
    return room;
  }

 private:
  const StateLayout& layout_;
  const StoredOrders& orders_;
  std::shared_ptr<const float> arena_;
};

}  // namespace spot
