#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/cpu/aligned_buffer.h"
#include "engine/cpu/onednn.h"
#include "engine/model_spec.h"

namespace spot {

/// One shard's part of a step: the samples [first, first + count) of the batch. A shard has room for
/// Plan::shard_size() samples; when the batch does not fill it, the rows behind `count` hold finite values
/// whose differences are zero.
struct ShardTask {
  int shard = 0;
  int slot = 0;  ///< which set of per-shard buffers it works in
  std::size_t first = 0;
  std::size_t count = 0;
  std::size_t batch = 0;  ///< samples of the whole batch
  std::uint64_t step = 0;
};

/// The values between two operators and the differences (gradients of the loss by these values) that flow
/// back between them. Images lie in oneDNN's blocked layout, [sample][channel / block][row][column][block],
/// channels padded with zeros to whole blocks; vectors lie in plain rows for the whole batch, because dense
/// weight gradients are computed over all of it at once.
class Edge {
 public:
  Edge(Shape3 shape, std::int64_t block, bool batch_wide, std::size_t shard_size, int slots, std::size_t batch_rows,
       bool has_difference);

  [[nodiscard]] const Shape3& shape() const { return shape_; }
  [[nodiscard]] std::int64_t block() const { return block_; }
  [[nodiscard]] std::int64_t blocks() const { return (shape_.channels + block_ - 1) / block_; }
  /// Floats of one sample, padding included.
  [[nodiscard]] std::size_t sample_size() const { return sample_size_; }
  [[nodiscard]] bool has_difference() const { return !difference_.empty(); }
  [[nodiscard]] std::size_t shard_size() const { return shard_size_; }

  /// First float of the shard's first sample.
  float* value(const ShardTask& task) { return at(value_, task); }
  float* difference(const ShardTask& task) { return at(difference_, task); }

  /// How oneDNN sees one shard of it.
  [[nodiscard]] onednn::Desc image_desc() const;
  /// The same with blocks() * block() channels.
  [[nodiscard]] onednn::Desc whole_blocks_desc() const;
  [[nodiscard]] onednn::Desc vector_desc() const;

 private:
  [[nodiscard]] onednn::Desc image_desc(std::int64_t channels) const;
  float* at(std::vector<AlignedBuffer<float>>& buffers, const ShardTask& task) {
    if (batch_wide_) return buffers[0].data() + task.first * sample_size_;
    return buffers[static_cast<std::size_t>(task.slot)].data();
  }

  Shape3 shape_;
  std::int64_t block_;
  bool batch_wide_;
  std::size_t shard_size_;
  std::size_t sample_size_;
  std::vector<AlignedBuffer<float>> value_, difference_;
};

}  // namespace spot
