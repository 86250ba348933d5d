#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "data/content.h"
#include "data/dataset_builder.h"

namespace spot {

// Datasets as NumPy keeps them: arrays x_train, y_train, x_test and y_test, or train_images, train_labels, …, in one
// .npz file, which is a zip archive of .npy files, or in a folder of such files.

/// An array that may be a part of a dataset.
struct ArraySource {
  std::string name;  ///< "x_train"
  std::function<Content()> open;
};

/// Whether a part of a dataset has that name.
bool names_array(std::string_view name);
/// The name of an array that is kept in a file of that name: "x_train" for "x_train.npy"; empty for other files.
std::string array_name(std::string_view file);

/// The arrays in an .npz file, the packed ones of up to `limit` bytes each. `stop` must outlive them. Throws kData.
std::vector<ArraySource> list_npz(const Content& archive, std::uint64_t limit, const StopCheck& stop);

/// Adds the parts that the arrays are; those for testing may be missing. `origin` is where they are from. Throws kData,
/// naming what is missing, there twice, or no images or labels; kCancelled when `stop` said so.
void add_arrays(std::span<const ArraySource> arrays, const std::string& origin, const StopCheck& stop,
                DatasetBuilder& builder);

}  // namespace spot
