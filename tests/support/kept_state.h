#pragma once

#include <span>
#include <utility>
#include <vector>

#include "engine/state_view.h"

namespace spot::test {

/// A state of its own, for a writer to let go of.
class KeptState final : public StateReader {
 public:
  KeptState(StateLayout layout, std::vector<float> values) : layout_(std::move(layout)), values_(std::move(values)) {}

  [[nodiscard]] const StateLayout& layout() const override { return layout_; }
  [[nodiscard]] std::span<const float> read(const TensorSpec& tensor, std::span<float> /*room*/) const override {
    return std::span(values_).subspan(tensor.offset, tensor.size);
  }

 private:
  StateLayout layout_;
  std::vector<float> values_;
};

}  // namespace spot::test
