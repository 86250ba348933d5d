#pragma once

#include <filesystem>
#include <vector>

namespace spot {

/// The files that may be each part of a dataset, the likeliest first; none is empty.
struct ImageFiles {
  using Candidates = std::vector<std::filesystem::path>;
  Candidates train_images, train_labels, test_images, test_labels;
};

/// Finds IDX files in a folder, or in folders within it, and never some here and some there: train beside t10k or test,
/// images or labels, written as train-images-idx3-ubyte, train-images.idx3-ubyte or train_images, plain or .gz, with or
/// without a prefix as EMNIST's files have ("emnist-letters-train-images-idx3-ubyte.gz"). What is in them is not looked
/// at. Throws kNotFound, naming what is missing, or kData, naming files that lie apart.
ImageFiles find_image_files(const std::filesystem::path& folder);

}  // namespace spot
