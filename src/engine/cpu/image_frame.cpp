#include "engine/cpu/image_frame.h"

#include <algorithm>

namespace spot {

ImageFrame::ImageFrame(const LayerSpec& layer, const Edge& edge, int workers, std::size_t more_rows,
                       std::size_t more_columns)
    : planes_(static_cast<std::size_t>(edge.blocks())),
      block_(static_cast<std::size_t>(edge.block())),
      image_rows_(static_cast<std::size_t>(layer.input.height)),
      image_columns_(static_cast<std::size_t>(layer.input.width)),
      top_(static_cast<std::size_t>(layer.padding[0])),
      left_(static_cast<std::size_t>(layer.padding[1])),
      rows_(top_ + image_rows_ + static_cast<std::size_t>(layer.padding[2]) + more_rows),
      columns_(left_ + image_columns_ + static_cast<std::size_t>(layer.padding[3]) + more_columns) {
  if (rows_ == image_rows_ && columns_ == image_columns_) return;
  for (int worker = 0; worker < workers; ++worker) buffers_.emplace_back(size());
}

template <typename Copy>
void ImageFrame::for_each_row(Copy copy) const {
  const std::size_t width = image_columns_ * block_;
  for (std::size_t plane = 0; plane < planes_; ++plane) {
    for (std::size_t row = 0; row < image_rows_; ++row) {
      copy((plane * image_rows_ + row) * width, ((plane * rows_ + top_ + row) * columns_ + left_) * block_, width);
    }
  }
}

const float* ImageFrame::around(const float* image, int worker) {
  if (!needed()) return image;
  float* framed = buffers_[static_cast<std::size_t>(worker)].data();
  for_each_row(
      [=](std::size_t from, std::size_t to, std::size_t width) { std::copy_n(image + from, width, framed + to); });
  return framed;
}

void ImageFrame::inside(const float* framed, float* image) const {
  for_each_row(
      [=](std::size_t to, std::size_t from, std::size_t width) { std::copy_n(framed + from, width, image + to); });
}

}  // namespace spot
