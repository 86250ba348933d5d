#include "data/dataset_builder.h"

#include <algorithm>
#include <bitset>
#include <utility>

#include "base/hash.h"
#include "base/status.h"
#include "base/text.h"
#include "data/idx.h"

namespace spot {
namespace {

using Classes = std::bitset<256>;

Classes classes_in(const ImageSet& set) {
  Classes classes;
  for (const std::uint8_t label : set.labels) classes.set(label);
  return classes;
}

std::uint32_t classes_of(const ImageSet& set) {
  return *std::max_element(set.labels.begin(), set.labels.end()) + 1U;
}

/// "3, 8"
std::string list(const Classes& classes) {
  std::string text;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i]) text += cat(text.empty() ? "" : ", ", i);
  }
  return text;
}

}  // namespace

DatasetBuilder::DatasetBuilder(std::string name, const StopCheck& stop, const Log& log) : stop_(stop), log_(log) {
  dataset_.name = std::move(name);
}

void DatasetBuilder::add(const Content& train_images, const Content& train_labels, const Content& test_images,
                         const Content& test_labels) {
  dataset_.train = image_set(train_images, train_labels);
  dataset_.test = image_set(test_images, test_labels);
  if (dataset_.train.rows != dataset_.test.rows || dataset_.train.columns != dataset_.test.columns) {
    fail(Status::kData, cat("training images ('", train_images.origin, "') are ", dataset_.train.rows, " x ",
                            dataset_.train.columns, ", test images ('", test_images.origin, "') ", dataset_.test.rows,
                            " x ", dataset_.test.columns, ": they belong to different datasets"));
  }
  report_labels(train_labels, test_labels);
}

ImageSet DatasetBuilder::image_set(const Content& images, const Content& labels) {
  IdxImages pixels = read_idx_images(images.bytes, images.origin, stop_);
  ByteValues classes = read_idx_labels(labels.bytes, labels.origin, stop_);
  if (pixels.count != classes.view.size()) {
    fail(Status::kData, cat("'", images.origin, "' has ", pixels.count, " images, '", labels.origin, "' ",
                            classes.view.size(), " labels: they do not belong together"));
  }
  dataset_.memory_.push_back(pixels.pixels.memory ? std::move(pixels.pixels.memory) : images.memory);
  dataset_.memory_.push_back(classes.memory ? std::move(classes.memory) : labels.memory);
  return {pixels.pixels.view, classes.view, pixels.count, pixels.rows, pixels.columns};
}

void DatasetBuilder::report_labels(const Content& train_labels, const Content& test_labels) const {
  const Classes train = classes_in(dataset_.train), test = classes_in(dataset_.test);
  if (const Classes unseen = test & ~train; unseen.any()) {
    log_.warning(cat("no training sample in '", train_labels.origin, "' has label ", list(unseen), ", which '",
                     test_labels.origin, "' has: such test samples cannot be classified rightly"));
  }
  const std::size_t largest = classes_of(dataset_.train) - 1;
  std::size_t next = largest;
  while (next > 0 && !train[next - 1]) --next;
  // How many labels right below the largest do not occur.
  const std::size_t gap = next == 0 ? 0 : largest - next;
  if (gap > 2 * train.count() + 10) {
    log_.warning(cat("label ", largest, " in '", train_labels.origin, "' is far above the other ", train.count() - 1,
                     " labels: there will be ", largest + 1, " classes, most without a sample"));
  }
}

Dataset DatasetBuilder::build(std::uint32_t validation_size) {
  dataset_.classes = std::max(classes_of(dataset_.train), classes_of(dataset_.test));
  dataset_.fingerprint = fingerprint();
  if (validation_size >= dataset_.train.count) {
    fail(Status::kConfig, cat("validation_size ", validation_size, " leaves none of the ", dataset_.train.count,
                              " training samples to train on"));
  }
  const std::uint32_t rest = dataset_.train.count - validation_size;
  dataset_.validation = dataset_.train.part(rest, validation_size);
  dataset_.train = dataset_.train.part(0, rest);
  return std::move(dataset_);
}

std::string DatasetBuilder::fingerprint() const {
  Hasher hasher;
  const auto update = [&](std::span<const std::uint8_t> values) {
    in_pieces(std::as_bytes(values), stop_, "hashing the dataset",
              [&](std::span<const std::byte> piece) { hasher.update(piece.data(), piece.size()); });
  };
  for (const ImageSet* set : {&dataset_.train, &dataset_.test}) {
    for (const std::uint32_t extent : {set->count, set->rows, set->columns}) hasher.update_u64(extent);
    update(set->images);
    update(set->labels);
  }
  return hasher.digest().hex();
}

}  // namespace spot
