#include "engine/state_view.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/finite.h"

namespace spot {

void StateLayout::add(std::string name, std::vector<std::int64_t> shape, TensorRole role) {
  const auto size =
      static_cast<std::size_t>(std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
  tensors_.push_back({std::move(name), std::move(shape), role, size_, size});
  size_ += size;
}

std::size_t StateLayout::parameter_count() const {
  std::size_t count = 0;
  for (const TensorSpec& tensor : tensors_) {
    if (tensor.role == TensorRole::kParameter) count += tensor.size;
  }
  return count;
}

const TensorSpec* StateLayout::find(const std::string& name) const {
  const auto found =
      std::find_if(tensors_.begin(), tensors_.end(), [&](const TensorSpec& tensor) { return tensor.name == name; });
  return found == tensors_.end() ? nullptr : &*found;
}

const TensorSpec* first_not_finite(const StateView& state) {
  const auto& tensors = state.layout().tensors();
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const TensorSpec& tensor) { return !all_finite(state.tensor(tensor)); });
  return found == tensors.end() ? nullptr : &*found;
}

StateHasher::StateHasher(std::uint64_t step, std::uint64_t seed) {
  hasher_.update_u64(step);
  hasher_.update_u64(seed);
}

void StateHasher::begin(const TensorSpec& tensor) {
  hasher_.update_text(tensor.name);
  hasher_.update_u64(tensor.shape.size());
  for (const std::int64_t extent : tensor.shape) {
    hasher_.update_u64(static_cast<std::uint64_t>(extent));
  }
}

Hash128 state_hash(const StateView& state, std::uint64_t step, std::uint64_t seed) {
  StateHasher hasher(step, seed);
  for (const TensorSpec& tensor : state.layout().tensors()) {
    hasher.begin(tensor);
    const auto values = state.tensor(tensor);
    hasher.update(values.data(), values.size_bytes());
  }
  return hasher.digest();
}

}  // namespace spot
