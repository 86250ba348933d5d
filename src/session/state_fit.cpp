#include "session/state_fit.h"

#include <algorithm>

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

const TensorSpec* find_like(const StateLayout& stored, const TensorSpec& needed) {
  const TensorSpec* found = stored.find(needed.name);
  return found != nullptr && found->shape == needed.shape ? found : nullptr;
}

}  // namespace

bool holds_model(const StateLayout& stored, const StateLayout& needed) {
  return std::all_of(needed.tensors().begin(), needed.tensors().end(), [&](const TensorSpec& tensor) {
    return tensor.role == TensorRole::kAccumulator || find_like(stored, tensor) != nullptr;
  });
}

std::vector<float> fit_state(const Checkpoint& checkpoint, const StateLayout& layout) {
  std::vector<float> values(layout.size());
  for (const TensorSpec& tensor : layout.tensors()) {
    const TensorSpec* stored = find_like(checkpoint.layout, tensor);
    if (stored == nullptr && tensor.role != TensorRole::kAccumulator) {
      fail(Status::kMismatch, cat("the checkpoint of run '", printable(checkpoint.meta.run_id), "' has no tensor '",
                                  tensor.name, "' of the shape that the model needs"));
    }
    if (stored == nullptr) continue;
    const auto from = checkpoint.state().tensor(*stored);
    std::copy(from.begin(), from.end(), values.begin() + static_cast<std::ptrdiff_t>(tensor.offset));
  }
  return values;
}

}  // namespace spot
