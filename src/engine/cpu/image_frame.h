#pragma once

#include <vector>

#include "engine/cpu/edge.h"

namespace spot {

/// Puts the padding of a convolution around one image at a time, in a buffer a worker, because the kernels look at
/// every tap, and as many more rows and columns behind it as they compute too much. Where there is nothing to put
/// around it the image itself is used.
class ImageFrame {
 public:
  ImageFrame() = default;
  ImageFrame(const LayerSpec& layer, const Edge& edge, int workers, std::size_t more_rows = 0,
             std::size_t more_columns = 0);

  [[nodiscard]] bool needed() const { return !buffers_.empty(); }
  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] std::size_t columns() const { return columns_; }
  /// Floats of the image with its frame.
  [[nodiscard]] std::size_t size() const { return planes_ * rows_ * columns_ * block_; }

  /// The image with its frame; may be `image`.
  const float* around(const float* image, int worker);
  /// Copies what lies inside the frame.
  void inside(const float* framed, float* image) const;

 private:
  /// Copies each row of the image from or to its place in the frame.
  template <typename Copy>
  void for_each_row(Copy copy) const;

  std::size_t planes_ = 0, block_ = 1;
  std::size_t image_rows_ = 0, image_columns_ = 0;
  std::size_t top_ = 0, left_ = 0;
  std::size_t rows_ = 0, columns_ = 0;
  std::vector<AlignedBuffer<float>> buffers_;  // zero outside the image, by worker
};

}  // namespace spot
