#pragma once

#include <filesystem>

namespace spot {

/// The four files of a dataset.
struct ImageFiles {
  std::filesystem::path train_images, train_labels, test_images, test_labels;
};

/// Finds them in a folder: train-* beside t10k-* or test-*, -idx3-ubyte or .idx3-ubyte, plain (preferred) or
/// .gz, with or without a prefix as EMNIST's files have ("emnist-letters-train-images-idx3-ubyte.gz"). Throws
/// kNotFound, naming what is missing, and kData when a name is not unambiguous.
ImageFiles find_image_files(const std::filesystem::path& folder);

}  // namespace spot
