#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace spot {

/// How an array of images is read.
struct ImageShape {
  std::uint32_t count = 0, rows = 0, columns = 0, channels = 1;
};

/// "[60000][28][28]"
std::string shape_text(std::span<const std::uint32_t> extents);

/// Why an array of that shape holds no images, as a part of a sentence on it; empty: it does.
std::string why_no_images(std::span<const std::uint32_t> extents);

/// [images][rows][columns], also with channels behind, or one channel before rows and columns. Only for an array of
/// which why_no_images() says nothing.
ImageShape image_shape(std::span<const std::uint32_t> extents);

}  // namespace spot
