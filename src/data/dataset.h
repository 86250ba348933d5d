#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"

namespace spot {

/// Labelled 8-bit images: image i is rows x columns bytes, row by row, at images[i * rows * columns].
struct ImageSet {
  std::span<const std::uint8_t> images;
  std::span<const std::uint8_t> labels;
  std::uint32_t count = 0;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;

  /// Images first … first + length - 1.
  [[nodiscard]] ImageSet part(std::uint32_t first, std::uint32_t length) const;
};

struct DatasetRequest {
  /// A folder of IDX files, "mnist", "fashion-mnist", "kmnist", "synthetic" or "auto".
  std::string name;
  /// What "auto" stood for when the run began that is to go on; empty: it begins now. It stays that.
  std::string begun_with;
  /// Where downloads and uncompressed copies are kept: <volume>/datasets. Empty: nowhere, and read_only is true.
  std::filesystem::path cache_directory;
  /// Nothing is written there, so what is not there cannot be downloaded.
  bool read_only = false;
  /// Base URLs tried before the built-in ones; each serves <base><file>.gz.
  std::vector<std::string> mirrors;
  /// Samples at the end of the training set that become the validation set.
  std::uint32_t validation_size = 0;
  /// Size and seed of the synthetic digits.
  std::uint32_t synthetic_train = 12000;
  std::uint32_t synthetic_test = 2000;
  std::uint64_t synthetic_seed = 1;
};

/// Training, validation and test images, all checked. A class that no sample has is one all the same. Keeps the memory
/// behind its sets alive.
class Dataset {
 public:
  std::string name;         ///< "mnist", "synthetic", or the folder's path
  std::uint32_t classes{};  ///< the largest label of both files plus one
  ImageSet train;
  ImageSet validation;  ///< empty unless asked for
  ImageSet test;
  /// XXH3-128 in hex of counts, shapes and contents, before the validation set is split off.
  std::string fingerprint;
  /// Loaded because nothing better could be had: the caller should say so.
  bool fallback = false;

 private:
  friend class DatasetBuilder;
  std::vector<std::shared_ptr<const void>> memory_;
};

/// Whether the name stands for a dataset wherever it is used; any other is a folder of one machine.
bool is_known_dataset(const std::string& name);

/// Finds, downloads when needed, checks and opens a dataset. Throws kData (content), kNotFound (no such
/// folder or file), kNetwork (no mirror served it), kCancelled.
Dataset open_dataset(const DatasetRequest& request, const StopCheck& stop, const Log& log);

}  // namespace spot
