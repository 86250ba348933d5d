#include "data/image_shape.h"

#include "base/text.h"

namespace spot {
namespace {

constexpr std::uint32_t kMostColours = 4;  // red, green, blue, alpha

/// PyTorch's order. Nobody has images of so few rows whose pixels have so many channels.
bool has_channels_first(std::span<const std::uint32_t> extents) {
  return extents[1] > 1 && extents[1] <= kMostColours && extents[2] > kMostColours && extents[3] > kMostColours;
}

}  // namespace

std::string shape_text(std::span<const std::uint32_t> extents) {
  std::string text;
  for (const std::uint32_t extent : extents) text += cat("[", extent, "]");
  return text;
}

std::string why_no_images(std::span<const std::uint32_t> extents) {
  if (extents.size() == 1) return "it has one dimension, images three or four: are images and labels exchanged?";
  if (extents.size() != 3 && extents.size() != 4) {
    return cat("its shape is ", shape_text(extents), ", that of images [images][rows][columns][channels]");
  }
  if (extents.size() == 4 && has_channels_first(extents)) {
    return cat("its shape is ", shape_text(extents),
               ", with the channels first: store the images as [images][rows][columns][channels]");
  }
  return {};
}

ImageShape image_shape(std::span<const std::uint32_t> extents) {
  if (extents.size() == 3) return {extents[0], extents[1], extents[2], 1};
  // One channel before the rows; but long images of one row and a few channels have them last.
  const bool is_one_row = extents[2] > kMostColours && extents[3] <= kMostColours;
  if (extents[1] == 1 && extents[3] != 1 && !is_one_row) return {extents[0], extents[2], extents[3], 1};
  return {extents[0], extents[1], extents[2], extents[3]};
}

}  // namespace spot
