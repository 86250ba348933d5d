#include "engine/cpu/edge.h"

namespace spot {

Edge::Edge(Shape3 shape, std::int64_t block, bool batch_wide, const EdgeSize& size, bool has_difference)
    : shape_(shape),
      block_(block),
      batch_wide_(batch_wide),
      shard_size_(size.shard_size),
      sample_size_(static_cast<std::size_t>((shape.channels + block - 1) / block * block * shape.height * shape.width)),
      slots_(static_cast<std::size_t>(size.slots)) {
  // Rows a multiple of a page apart would all compete for the same few places of a cache. Only operators that
  // know sample_size() see images of the whole batch.
  if (batch_wide && block > 1 && sample_size_ % 1024 == 0) sample_size_ += 16;
  const std::size_t rows = batch_wide ? size.batch_rows : size.shard_size;
  for (int i = 0; i < (batch_wide ? 1 : size.slots); ++i) value_.emplace_back(rows * sample_size_);
  if (!has_difference) return;
  for (int i = 0; i < (batch_wide ? 1 : size.difference_slots); ++i) difference_.emplace_back(rows * sample_size_);
}

void Edge::keep_background() {
  background_counts_ = true;
  background_value_ = AlignedBuffer<float>(static_cast<std::size_t>(blocks() * block_));
  for (std::size_t i = 0; i < slots_; ++i) background_.emplace_back(shard_size_ * pixels());
}

onednn::Desc Edge::image_desc() const {
  return image_desc(shape_.channels);
}
onednn::Desc Edge::whole_blocks_desc() const {
  return image_desc(blocks() * block_);
}

onednn::Desc Edge::image_desc(std::int64_t channels) const {
  const onednn::Tag tag = block_ == 16 ? onednn::Tag::nChw16c : block_ == 8 ? onednn::Tag::nChw8c : onednn::Tag::nchw;
  return onednn::f32({static_cast<std::int64_t>(shard_size_), channels, shape_.height, shape_.width}, tag);
}

onednn::Desc Edge::vector_desc() const {
  return onednn::f32({static_cast<std::int64_t>(shard_size_), shape_.channels}, onednn::Tag::nc);
}

}  // namespace spot
