#include "engine/cpu/edge.h"

namespace spot {

Edge::Edge(Shape3 shape, std::int64_t block, bool batch_wide, std::size_t shard_size, int slots, std::size_t batch_rows,
           bool has_difference)
    : shape_(shape),
      block_(block),
      batch_wide_(batch_wide),
      shard_size_(shard_size),
      sample_size_(
          static_cast<std::size_t>((shape.channels + block - 1) / block * block * shape.height * shape.width)) {
  const int buffers = batch_wide ? 1 : slots;
  const std::size_t rows = batch_wide ? batch_rows : shard_size;
  for (int i = 0; i < buffers; ++i) {
    value_.emplace_back(rows * sample_size_);
    if (has_difference) difference_.emplace_back(rows * sample_size_);
  }
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
