#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/cpu/aligned_buffer.h"
#include "engine/cpu/onednn.h"
#include "engine/model_spec.h"

namespace spot {

/// One shard's part of a step, or some rows of it: the samples [first, first + count) of the batch. A shard has
/// room for Plan::shard_size() samples; when the batch does not fill it, the rows behind the last sample hold
/// finite values whose differences are zero.
struct ShardTask {
  int shard = 0;
  int slot = 0;             ///< which set of buffers holds the shard's values
  int difference_slot = 0;  ///< which one holds its differences
  int worker = 0;           ///< who runs it
  std::size_t row = 0;      ///< of the shard's rows, the first that is meant
  std::size_t first = 0;
  std::size_t count = 0;
  bool whole = true;      ///< all rows of the shard are meant
  std::size_t batch = 0;  ///< samples of the whole batch
  std::uint64_t step = 0;
  float learning_rate = 0;
};

/// What an edge needs to know of the plan beside its shape.
struct EdgeSize {
  std::size_t shard_size = 0;
  int slots = 0;             ///< sets of value buffers
  int difference_slots = 0;  ///< sets of difference buffers
  std::size_t batch_rows = 0;
};

/// The values between two operators and the differences (gradients of the loss by these values) that flow
/// back between them. Images lie in oneDNN's blocked layout, [sample][channel / block][row][column][block],
/// channels padded with zeros to whole blocks; vectors lie in plain rows for the whole batch, because dense
/// weight gradients are computed over all of it at once, and so do images that a dense layer reads as they are.
class Edge {
 public:
  Edge(Shape3 shape, std::int64_t block, bool batch_wide, const EdgeSize& size, bool has_difference);

  [[nodiscard]] const Shape3& shape() const { return shape_; }
  [[nodiscard]] std::int64_t block() const { return block_; }
  [[nodiscard]] std::int64_t blocks() const { return (shape_.channels + block_ - 1) / block_; }
  /// Floats from one sample to the next, padding included.
  [[nodiscard]] std::size_t sample_size() const { return sample_size_; }
  [[nodiscard]] bool has_difference() const { return !difference_.empty(); }
  [[nodiscard]] std::size_t shard_size() const { return shard_size_; }

  /// First float of the task's first sample.
  float* value(const ShardTask& task) {
    if (batch_wide_) return value_[0].data() + task.first * sample_size_;
    return value_[static_cast<std::size_t>(task.slot)].data() + task.row * sample_size_;
  }
  /// Likewise. Differences that a worker keeps for itself are used up before it takes the shard's next rows.
  float* difference(const ShardTask& task) {
    if (batch_wide_) return difference_[0].data() + task.first * sample_size_;
    return difference_[static_cast<std::size_t>(task.difference_slot)].data();
  }

  /// One byte a pixel of the image, [row][pixel], for a convolution to mark where its receptive field is empty.
  void keep_background();
  [[nodiscard]] bool has_background() const { return background_counts_; }
  /// An operator in place changes the values: what is background is no longer one value.
  void forget_background() { background_counts_ = false; }
  /// The value of such a pixel, by channel in whole blocks.
  float* background_value() { return background_value_.data(); }
  std::uint8_t* background(const ShardTask& task) {
    return background_[static_cast<std::size_t>(task.slot)].data() + task.row * pixels();
  }
  [[nodiscard]] std::size_t pixels() const { return static_cast<std::size_t>(shape_.height * shape_.width); }

  /// How oneDNN sees one shard of it.
  [[nodiscard]] onednn::Desc image_desc() const;
  /// The same with blocks() * block() channels.
  [[nodiscard]] onednn::Desc whole_blocks_desc() const;
  [[nodiscard]] onednn::Desc vector_desc() const;

 private:
  [[nodiscard]] onednn::Desc image_desc(std::int64_t channels) const;

  Shape3 shape_;
  std::int64_t block_;
  bool batch_wide_;
  std::size_t shard_size_;
  std::size_t sample_size_;
  std::size_t slots_;
  std::vector<AlignedBuffer<float>> value_, difference_;
  std::vector<AlignedBuffer<std::uint8_t>> background_;
  bool background_counts_ = false;
  AlignedBuffer<float> background_value_;
};

}  // namespace spot
