#include "data/memory_dataset.h"

#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "data/dataset_builder.h"

namespace spot {
namespace {

constexpr std::uint32_t kMostClasses = 256;  // a label is a byte where the engine reads it
constexpr std::uint32_t kMostExtent = 1 << 20;
constexpr std::uint64_t kMostValues = std::uint64_t{1} << 28;  // of an image, as of a layer

void check_shape(const DatasetArrays& arrays) {
  for (const std::uint32_t extent : {arrays.rows, arrays.columns, arrays.channels}) {
    if (extent >= 1 && extent <= kMostExtent) continue;
    fail(Status::kInvalidArgument, cat("images of ", arrays.rows, " rows, ", arrays.columns, " columns and ",
                                       arrays.channels, " channels: each must be from 1 to ", kMostExtent));
  }
  if (std::uint64_t{arrays.rows} * arrays.columns > kMostValues / arrays.channels) {
    fail(Status::kInvalidArgument, cat("images of ", arrays.rows, " x ", arrays.columns, " x ", arrays.channels,
                                       " values are too large: at most ", kMostValues));
  }
  if (arrays.classes > kMostClasses) {
    fail(Status::kInvalidArgument, cat(arrays.classes, " classes: at most ", kMostClasses, " are possible"));
  }
}

/// How many things of `size` bytes these are.
std::size_t count_of(std::span<const std::byte> bytes, std::size_t size, const std::string& what) {
  if (bytes.size() % size == 0 && bytes.size() / size <= UINT32_MAX) return bytes.size() / size;
  fail(Status::kInvalidArgument,
       cat("the ", what, " are ", bytes.size(), " bytes, which is no number below 2^32 of ", size, " bytes each"));
}

DatasetPart read_part(const DatasetArrays& arrays, const ArrayPart& part, const std::string& name,
                      const StopCheck& stop) {
  ImageSet set;
  set.rows = arrays.rows;
  set.columns = arrays.columns;
  set.channels = arrays.channels;
  set.type = arrays.pixels;
  const std::string image_name = name + " images", label_name = name + " labels";
  const std::size_t images = count_of(part.images, set.image_bytes(), image_name);
  const std::size_t labels = count_of(part.labels, size_of(arrays.label_type), label_name);
  if (images != labels || images == 0) {
    fail(Status::kInvalidArgument, cat("there are ", images, " ", image_name, " and ", labels, " ", label_name,
                                       ": one label an image, and at least one"));
  }
  ByteValues values = read_labels(part.labels, arrays.label_type, label_name, stop);
  set.images = {reinterpret_cast<const std::uint8_t*>(part.images.data()), part.images.size()};
  set.labels = values.view;
  set.count = static_cast<std::uint32_t>(images);
  return {set, {arrays.memory, std::move(values.memory)}, image_name, label_name};
}

}  // namespace

Dataset make_dataset(const DatasetArrays& arrays, std::uint32_t validation_size, const StopCheck& stop,
                     const Log& log) {
  check_shape(arrays);
  DatasetBuilder builder(arrays.name, stop, log);
  builder.add_train(read_part(arrays, arrays.train, "training", stop));
  if (!arrays.test.images.empty() || !arrays.test.labels.empty()) {
    builder.add_test(read_part(arrays, arrays.test, "test", stop));
  }
  return builder.build(validation_size, arrays.classes);
}

}  // namespace spot
