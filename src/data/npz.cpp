#include "data/npz.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/lower_case.h"
#include "base/status.h"
#include "base/text.h"
#include "data/image_shape.h"
#include "data/labels.h"
#include "data/npy.h"
#include "data/zip.h"

namespace spot {
namespace {

/// What an array is called, in lower case; the first name is the one that messages use.
using Names = std::array<std::string_view, 3>;
constexpr Names kTrainImages = {"x_train", "train_images", "train_x"};
constexpr Names kTrainLabels = {"y_train", "train_labels", "train_y"};
constexpr Names kTestImages = {"x_test", "test_images", "test_x"};
constexpr Names kTestLabels = {"y_test", "test_labels", "test_y"};

bool is_one_of(const Names& names, std::string_view name) {
  return std::ranges::find(names, lower_case(name)) != names.end();
}

/// The array of that name; null: there is none.
const ArraySource* find(std::span<const ArraySource> arrays, const Names& names, const std::string& origin) {
  const ArraySource* found = nullptr;
  for (const ArraySource& array : arrays) {
    if (!is_one_of(names, array.name)) continue;
    if (found != nullptr) {
      fail(Status::kData, cat("'", printable(found->name), "' and '", printable(array.name), "' in '", origin,
                              "' could both be meant: keep one"));
    }
    found = &array;
  }
  return found;
}

[[noreturn]] void refuse_missing(std::span<const ArraySource> arrays, const Names& names, const std::string& origin) {
  std::string others;
  for (const ArraySource& array : arrays) others += cat(others.empty() ? "" : ", ", printable(array.name));
  fail(Status::kData, cat("there is no array '", names[0], "' (or '", names[1], "') in '", origin, "', which has ",
                          others.empty() ? std::string("none") : printable(others, 200)));
}

[[noreturn]] void refuse(const Content& content, const std::string& why) {
  fail(Status::kData, cat("'", content.origin, "' cannot be used: ", why));
}

PixelType pixel_type(const NpyArray& array, const Content& images) {
  if (array.type == NpyType::kUint8) return PixelType::kUint8;
  if (array.type == NpyType::kFloat32) return PixelType::kFloat32;
  refuse(images, "its values are integers of more than 8 bits: store images as uint8 or float32");
}

LabelType label_type(const NpyArray& array, const Content& labels) {
  switch (array.type) {
    case NpyType::kUint8: return LabelType::kUint8;
    case NpyType::kInt32: return LabelType::kInt32;
    case NpyType::kInt64: return LabelType::kInt64;
    case NpyType::kFloat32: break;
  }
  refuse(labels, "labels are whole numbers: store them as uint8, int32 or int64");
}

ByteValues labels_of(const Content& labels, const StopCheck& stop) {
  const NpyArray array = parse_npy(labels.bytes, labels.origin);
  const auto& shape = array.extents;
  if (shape.empty() || shape.size() > 2 || (shape.size() == 2 && shape[1] != 1)) {
    refuse(labels, cat("its shape is ", shape_text(shape), ", that of labels [labels]: store one number an image"));
  }
  return read_labels(array.values, label_type(array, labels), labels.origin, stop);
}

DatasetPart read_part(const Content& images, const Content& labels, const StopCheck& stop) {
  const NpyArray array = parse_npy(images.bytes, images.origin);
  if (const std::string why = why_no_images(array.extents); !why.empty()) refuse(images, why);
  const ImageShape shape = image_shape(array.extents);
  ByteValues values = labels_of(labels, stop);
  return {.set = {.images = {reinterpret_cast<const std::uint8_t*>(array.values.data()), array.values.size()},
                  .labels = values.view,
                  .count = shape.count,
                  .rows = shape.rows,
                  .columns = shape.columns,
                  .channels = shape.channels,
                  .type = pixel_type(array, images)},
          .memory = {images.memory, values.memory ? values.memory : labels.memory},
          .images = images.origin,
          .labels = labels.origin};
}

}  // namespace

bool names_array(std::string_view name) {
  return std::ranges::any_of(std::array{kTrainImages, kTrainLabels, kTestImages, kTestLabels},
                             [&](const Names& names) { return is_one_of(names, name); });
}

std::string array_name(std::string_view file) {
  constexpr std::string_view kEnd = ".npy";
  if (!file.ends_with(kEnd)) return {};
  return std::string(file.substr(0, file.size() - kEnd.size()));
}

std::vector<ArraySource> list_npz(const Content& archive, std::uint64_t limit, const StopCheck& stop) {
  std::vector<ArraySource> arrays;
  for (const ZipMember& member : list_zip(archive.bytes, archive.origin)) {
    std::string name = array_name(member.name);
    if (name.empty()) continue;
    arrays.push_back({std::move(name), [=, &stop] { return unzip(member, archive, limit, stop); }});
  }
  return arrays;
}

void add_arrays(std::span<const ArraySource> arrays, const std::string& origin, const StopCheck& stop,
                DatasetBuilder& builder) {
  const auto demand = [&](const Names& names) -> const ArraySource& {
    const ArraySource* found = find(arrays, names, origin);
    if (found == nullptr) refuse_missing(arrays, names, origin);
    return *found;
  };
  const ArraySource &train_images = demand(kTrainImages), &train_labels = demand(kTrainLabels);
  const bool has_test = find(arrays, kTestImages, origin) != nullptr || find(arrays, kTestLabels, origin) != nullptr;
  const ArraySource* test_images = has_test ? &demand(kTestImages) : nullptr;
  const ArraySource* test_labels = has_test ? &demand(kTestLabels) : nullptr;
  builder.add_train(read_part(train_images.open(), train_labels.open(), stop));
  if (has_test) builder.add_test(read_part(test_images->open(), test_labels->open(), stop));
}

}  // namespace spot
