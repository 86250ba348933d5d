#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "engine/cuda/extent.h"
#include "engine/state_view.h"

namespace spot::cuda {

/// One tensor in the card's order: canonical element [a][b][c][d] lies at offset + a * strides[0] + …; what no element
/// lies at is zero.
struct StoredTensor {
  std::size_t offset = 0;  ///< in the arena
  std::int64_t extents[4] = {1, 1, 1, 1};
  std::int64_t strides[4] = {0, 0, 0, 0};

  void store(std::span<const float> canonical, float* arena) const;
  void load(const float* arena, std::span<float> canonical) const;
};

/// Where the state lies on the card: one arena with the parameters, filters as [filter][row][column][channel], then
/// the statistics, then each kind of accumulator in the order of the parameters. Every tensor begins at a multiple of
/// kAlignment.
class StoredLayout {
 public:
  static constexpr std::size_t kAlignment = 64;  ///< floats

  StoredLayout(const ModelSpec& model, const StateLayout& layout, const std::vector<Extent>& extents);

  [[nodiscard]] const StateLayout& canonical() const { return canonical_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Of the parameters together, and of each kind of accumulator.
  [[nodiscard]] std::size_t parameters_size() const { return parameters_size_; }
  /// Kinds of accumulator.
  [[nodiscard]] std::size_t accumulators() const { return accumulators_; }
  /// Where the accumulators of that kind begin.
  [[nodiscard]] std::size_t accumulator_offset(std::size_t kind) const {
    return first_accumulator_ + kind * parameters_size_;
  }
  [[nodiscard]] const StoredTensor& find(const TensorSpec& tensor) const { return tensors_.at(tensor.offset); }
  [[nodiscard]] std::size_t offset_of(const std::string& name) const { return find(*canonical_.find(name)).offset; }

  /// All tensors of the canonical state, or as many of the first as it has room for.
  void store(std::span<const float> canonical, float* arena) const;
  void load(const float* arena, std::span<float> canonical) const;

 private:
  void place(const std::string& name, StoredTensor tensor, std::size_t size);
  void place_accumulators();

  StateLayout canonical_;
  std::map<std::size_t, StoredTensor> tensors_;  ///< by canonical offset
  std::size_t size_ = 0, parameters_size_ = 0, first_accumulator_ = 0, accumulators_ = 0;
};

}  // namespace spot::cuda
