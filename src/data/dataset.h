#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"
#include "base/pixel_type.h"

namespace spot {

/// Labelled images: image i is [rows][columns][channels] values of `type`, the bytes at images[i * image_bytes()].
/// Floats are finite, in the byte order of the machine, and may lie at any address.
struct ImageSet {
  std::span<const std::uint8_t> images;
  std::span<const std::uint8_t> labels;
  std::uint32_t count = 0;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  std::uint32_t channels = 1;
  PixelType type = PixelType::kUint8;

  [[nodiscard]] std::size_t image_bytes() const { return std::size_t{rows} * columns * channels * size_of(type); }
  /// Images first … first + length - 1.
  [[nodiscard]] ImageSet part(std::uint32_t first, std::uint32_t length) const;
};

struct DatasetRequest {
  /// A folder of IDX or NumPy files, an .npz file, "mnist", "fashion-mnist", "kmnist", "synthetic" or "auto".
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
/// behind its sets alive; copies share it.
class Dataset {
 public:
  std::string name;         ///< "mnist", "synthetic", or the folder's path
  std::uint32_t classes{};  ///< at most 256
  ImageSet train;
  ImageSet validation;  ///< empty unless asked for
  ImageSet test;        ///< empty when there is none
  /// XXH3-128 in hex of counts, shapes and contents, before the validation set is split off.
  std::string fingerprint;
  /// Loaded because nothing better could be had: the caller should say so.
  bool fallback = false;

  /// Makes the last `size` of the samples that are not for testing the validation set, whatever it was before. Throws
  /// kConfig when that leaves none to train on.
  void split_off_validation(std::uint32_t size);

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
