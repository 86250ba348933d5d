#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"

namespace spot {

/// A parameter is trained by the optimizer; an accumulator is the optimizer's memory of one parameter; a
/// statistic is neither (the running mean and variance of batch normalisation).
enum class TensorRole : std::uint8_t { kParameter = 0, kAccumulator = 1, kStatistic = 2 };

/// One named tensor of float32 in the canonical state.
struct TensorSpec {
  std::string name;                 ///< "conv1.weight"; an accumulator's is "conv1.weight/square_average"
  std::vector<std::int64_t> shape;  ///< row-major; convolution OIHW, dense [outputs, inputs]
  TensorRole role;
  std::size_t offset;  ///< first element in the arena
  std::size_t size;    ///< number of elements, the product of the shape

  bool operator==(const TensorSpec&) const = default;
};

/// Where each tensor lies in the canonical state: one flat arena of floats, parameters first. The same for
/// every engine that runs the model, so that a checkpoint of one restores in another.
class StateLayout {
 public:
  /// Appends a tensor behind the last one.
  void add(std::string name, std::vector<std::int64_t> shape, TensorRole role);

  [[nodiscard]] const std::vector<TensorSpec>& tensors() const { return tensors_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Trainable values: what people call the number of parameters.
  [[nodiscard]] std::size_t parameter_count() const;
  /// Nothing when there is no tensor of that name.
  [[nodiscard]] const TensorSpec* find(const std::string& name) const;

  bool operator==(const StateLayout&) const = default;

 private:
  std::vector<TensorSpec> tensors_;
  std::size_t size_ = 0;
};

/// A canonical state, tensor by tensor, wherever it is kept and in whatever order.
class StateReader {
 public:
  virtual ~StateReader() = default;
  [[nodiscard]] virtual const StateLayout& layout() const = 0;
  /// The values of one of the layout's tensors: where they lie, or else made in `room`, which has the tensor's size.
  [[nodiscard]] virtual std::span<const float> read(const TensorSpec& tensor, std::span<float> room) const = 0;
};

/// A canonical state somewhere in memory, which must outlive it.
class StateView final : public StateReader {
 public:
  StateView(const StateLayout* layout, std::span<const float> values) : layout_(layout), values_(values) {}

  [[nodiscard]] const StateLayout& layout() const override { return *layout_; }
  /// Copies all of them, as their offsets say, or one.
  void read_state(std::span<float> values) const { std::ranges::copy(values_, values.begin()); }
  void read_tensor(const TensorSpec& spec, std::span<float> values) const {
    std::ranges::copy(tensor(spec), values.begin());
  }
  [[nodiscard]] std::span<const float> tensor(const TensorSpec& spec) const {
    return values_.subspan(spec.offset, spec.size);
  }
  [[nodiscard]] std::span<const float> read(const TensorSpec& tensor, std::span<float> /*room*/) const override {
    return StateView::tensor(tensor);
  }

 private:
  const StateLayout* layout_;
  std::span<const float> values_;
};

/// The first tensor with a value that is infinite or NaN; null when there is none.
const TensorSpec* first_not_finite(const StateView& state);

/// The hash of everything that determines the future of a run under its configuration: every tensor's name,
/// shape and bytes, the position (steps done) and the seed. Equal hashes, equal futures.
Hash128 state_hash(const StateView& state, std::uint64_t step, std::uint64_t seed);

/// The same for values that come piece by piece: each tensor of the layout in turn, then its bytes.
class StateHasher {
 public:
  StateHasher(std::uint64_t step, std::uint64_t seed);
  void begin(const TensorSpec& tensor);
  void update(const void* bytes, std::size_t size) { hasher_.update(bytes, size); }
  [[nodiscard]] Hash128 digest() const { return hasher_.digest(); }

 private:
  Hasher hasher_;
};

}  // namespace spot
