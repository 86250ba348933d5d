#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/cancel.h"
#include "base/log.h"
#include "base/pixel_type.h"
#include "data/dataset.h"
#include "data/labels.h"

namespace spot {

/// Images, [samples][rows][columns][channels], and as many labels. They may lie at any address.
struct ArrayPart {
  std::span<const std::byte> images = {};
  std::span<const std::byte> labels = {};
};

/// A dataset in the host's memory.
struct DatasetArrays {
  std::string name = "memory";
  PixelType pixels = PixelType::kUint8;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  std::uint32_t channels = 1;
  LabelType label_type = LabelType::kUint8;
  std::uint32_t classes = 0;  ///< 1 to 256; 0: the largest label plus one
  ArrayPart train = {};
  ArrayPart test = {};  ///< empty: none
  /// Keeps the memory of all of them; may be null when something else does.
  std::shared_ptr<const void> memory = nullptr;
};

/// The dataset that these arrays are. Images are not copied: as long as it is used, they must be there and stay
/// as they are. Labels are copied: they are used as indices. Throws kInvalidArgument for sizes that do not fit each
/// other, kData for labels that are no class and floats that are not finite, kConfig for a validation set that leaves
/// nothing, kCancelled.
Dataset make_dataset(const DatasetArrays& arrays, std::uint32_t validation_size, const StopCheck& stop, const Log& log);

}  // namespace spot
