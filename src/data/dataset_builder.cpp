#include "data/dataset_builder.h"

#include <algorithm>
#include <bitset>
#include <utility>

#include "base/finite.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

using Classes = std::bitset<256>;

Classes classes_in(const ImageSet& set) {
  Classes classes;
  for (const std::uint8_t label : set.labels) classes.set(label);
  return classes;
}

std::uint32_t classes_of(const ImageSet& set) {
  return set.labels.empty() ? 0 : *std::max_element(set.labels.begin(), set.labels.end()) + 1U;
}

/// "3, 8"
std::string list(const Classes& classes) {
  std::string text;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i]) text += cat(text.empty() ? "" : ", ", i);
  }
  return text;
}

/// "28 x 28", "32 x 32 x 3, floats"
std::string shape_of(const ImageSet& set) {
  std::string text = cat(set.rows, " x ", set.columns);
  if (set.channels != 1) text += cat(" x ", set.channels);
  return text + (set.type == PixelType::kFloat32 ? ", floats" : "");
}

/// Sets of these have the fingerprint that they always had.
bool is_grey_bytes(const ImageSet& set) {
  return set.channels == 1 && set.type == PixelType::kUint8;
}

}  // namespace

DatasetBuilder::DatasetBuilder(std::string name, const StopCheck& stop, const Log& log) : stop_(stop), log_(log) {
  dataset_.name = std::move(name);
}

ImageSet DatasetBuilder::take(DatasetPart& part) {
  if (part.set.count != part.set.labels.size()) {
    fail(Status::kData, cat("'", part.images, "' has ", part.set.count, " images, '", part.labels, "' ",
                            part.set.labels.size(), " labels: they do not belong together"));
  }
  if (part.set.count == 0) fail(Status::kData, cat("'", part.images, "' has no images"));
  check_finite(part);
  std::move(part.memory.begin(), part.memory.end(), std::back_inserter(dataset_.memory_));
  return part.set;
}

void DatasetBuilder::check_finite(const DatasetPart& part) const {
  if (part.set.type != PixelType::kFloat32) return;
  const auto bytes = std::as_bytes(part.set.images);
  in_pieces(bytes, stop_, cat("checking '", part.images, "'"), [&](std::span<const std::byte> piece) {
    if (all_finite(piece)) return;
    const auto values = static_cast<std::size_t>(piece.data() - bytes.data()) / sizeof(float);
    std::size_t at = 0;
    while (all_finite(piece.subspan(at, sizeof(float)))) at += sizeof(float);
    const std::size_t image = (values + at / sizeof(float)) * sizeof(float) / part.set.image_bytes();
    fail(Status::kData,
         cat("image ", image, " of '", part.images, "' has a value that is infinite or no number: clean the images"));
  });
}

void DatasetBuilder::add_train(DatasetPart part) {
  train_ = std::move(part);
  dataset_.train = take(train_);
  dataset_.test = dataset_.train.part(0, 0);
}

void DatasetBuilder::add_test(DatasetPart part) {
  test_ = std::move(part);
  dataset_.test = take(test_);
  if (shape_of(dataset_.train) == shape_of(dataset_.test)) return;
  fail(Status::kData, cat("training images ('", train_.images, "') are ", shape_of(dataset_.train), ", test images ('",
                          test_.images, "') ", shape_of(dataset_.test), ": they belong to different datasets"));
}

void DatasetBuilder::report_unseen_labels() const {
  const Classes train = classes_in(dataset_.train), test = classes_in(dataset_.test);
  if (const Classes unseen = test & ~train; unseen.any()) {
    log_.warning(cat("no training sample in '", train_.labels, "' has label ", list(unseen), ", which '", test_.labels,
                     "' has: such test samples cannot be classified rightly"));
  }
}

void DatasetBuilder::report_far_label() const {
  const Classes train = classes_in(dataset_.train);
  const std::size_t largest = classes_of(dataset_.train) - 1;
  std::size_t next = largest;
  while (next > 0 && !train[next - 1]) --next;
  // How many labels right below the largest do not occur.
  const std::size_t gap = next == 0 ? 0 : largest - next;
  if (gap > 2 * train.count() + 10) {
    log_.warning(cat("label ", largest, " in '", train_.labels, "' is far above the other ", train.count() - 1,
                     " labels: there will be ", largest + 1, " classes, most without a sample"));
  }
}

std::uint32_t DatasetBuilder::count_classes(std::uint32_t classes) const {
  const std::uint32_t train = classes_of(dataset_.train), test = classes_of(dataset_.test);
  if (classes == 0) return std::max(train, test);
  if (std::max(train, test) > classes) {
    fail(Status::kData,
         cat("'", train > classes ? train_.labels : test_.labels, "' has label ", (train > classes ? train : test) - 1,
             ", but there are ", classes, " classes, numbered from 0"));
  }
  return classes;
}

Dataset DatasetBuilder::build(std::uint32_t validation_size, std::uint32_t classes) {
  dataset_.classes = count_classes(classes);
  report_unseen_labels();
  if (classes == 0) report_far_label();
  dataset_.fingerprint = fingerprint();
  dataset_.split_off_validation(validation_size);
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
    if (!is_grey_bytes(*set)) {
      hasher.update_u64(set->channels);
      hasher.update_u64(size_of(set->type));
    }
    update(set->images);
    update(set->labels);
  }
  return hasher.digest().hex();
}

}  // namespace spot
