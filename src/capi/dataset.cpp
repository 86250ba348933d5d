#include <cstddef>
#include <memory>
#include <spot_trainer.h>
#include <string>

#include "base/log.h"
#include "capi/arrays.h"
#include "capi/cancel.h"
#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/structs.h"
#include "capi/user_data.h"
#include "data/memory_dataset.h"

using spot::cat;
using spot::check_process;
using spot::fail;
using spot::guard;
using spot::required;
using spot::Status;

namespace {

spot::LabelType label_type(int32_t number) {
  switch (number) {
    case SPOT_TYPE_UINT8: return spot::LabelType::kUint8;
    case SPOT_TYPE_INT32: return spot::LabelType::kInt32;
    case SPOT_TYPE_INT64: return spot::LabelType::kInt64;
    default: break;
  }
  fail(Status::kInvalidArgument,
       cat("'label_type' is ", number, ": it takes SPOT_TYPE_UINT8, SPOT_TYPE_INT32 or SPOT_TYPE_INT64"));
}

/// `count` elements of `size` bytes that should be `bytes` in all; `name` is the array's field.
std::span<const std::byte> array(const void* data, uint64_t count, uint64_t size, uint64_t bytes, const char* name) {
  if (size == 0 || count > SIZE_MAX / size || bytes != count * size) {
    fail(Status::kInvalidArgument,
         cat("'", name, "' has ", bytes, " bytes, where ", count, " of ", size, " bytes each are expected"));
  }
  return {&required(static_cast<const std::byte*>(data), name), static_cast<std::size_t>(bytes)};
}

/// Bytes of an image; 0 when there are none, or more than any memory holds.
uint64_t image_size(const spot_dataset_arrays& arrays, spot::PixelType type) {
  uint64_t size = spot::size_of(type);
  for (const uint64_t extent : {arrays.rows, arrays.columns, arrays.channels}) {
    if (extent == 0 || size > SIZE_MAX / extent) return 0;
    size *= extent;
  }
  return size;
}

spot::DatasetArrays read_arrays(const spot_dataset_arrays& given) {
  if (given.reserved != 0) fail(Status::kInvalidArgument, "'reserved' is not 0");
  spot::DatasetArrays arrays;
  if (given.name != nullptr) arrays.name = spot::valid_utf8(given.name);
  arrays.pixels = spot::pixel_type(given.image_type);
  arrays.label_type = label_type(given.label_type);
  arrays.rows = given.rows;
  arrays.columns = given.columns;
  arrays.channels = given.channels;
  arrays.classes = given.classes;
  const uint64_t image = image_size(given, arrays.pixels), label = spot::size_of(arrays.label_type);
  arrays.train = {array(given.train_images, given.train_samples, image, given.train_image_bytes, "train_images"),
                  array(given.train_labels, given.train_samples, label, given.train_label_bytes, "train_labels")};
  if (given.test_samples == 0) return arrays;
  arrays.test = {array(given.test_images, given.test_samples, image, given.test_image_bytes, "test_images"),
                 array(given.test_labels, given.test_samples, label, given.test_label_bytes, "test_labels")};
  return arrays;
}

spot_dataset_info describe(const spot::Dataset& dataset) {
  spot_dataset_info info{};
  info.classes = dataset.classes;
  info.rows = dataset.train.rows;
  info.columns = dataset.train.columns;
  info.channels = dataset.train.channels;
  info.image_type = dataset.train.type == spot::PixelType::kUint8 ? SPOT_TYPE_UINT8 : SPOT_TYPE_FLOAT32;
  info.is_fallback = dataset.fallback ? 1 : 0;
  info.train_samples = dataset.train.count;
  info.test_samples = dataset.test.count;
  info.name = dataset.name.c_str();
  spot::write_text(info.fingerprint, dataset.fingerprint);
  return info;
}

}  // namespace

namespace spot {

PixelType pixel_type(std::int32_t number) {
  if (number == SPOT_TYPE_UINT8) return PixelType::kUint8;
  if (number == SPOT_TYPE_FLOAT32) return PixelType::kFloat32;
  fail(Status::kInvalidArgument, cat("'image_type' is ", number, ": it takes SPOT_TYPE_UINT8 or SPOT_TYPE_FLOAT32"));
}

}  // namespace spot

spot_status spot_dataset_create(const spot_dataset_arrays* arrays, const spot_config* config, spot_cancel* cancel,
                                void* user, spot_destroy_fn destroy, spot_dataset** out, spot_error** error) {
  return guard(error, [&] {
    const spot_dataset_arrays given = spot::read_struct(arrays, "arrays");
    required(out, "out");
    const spot::Settings settings = spot::settings_or_defaults(config);
    const spot::Cancel stop(cancel);
    const auto data = std::make_shared<spot::UserData>(user, destroy);
    spot::DatasetArrays content = read_arrays(given);
    content.memory = data;
    *out = new spot_dataset{{}, spot::make_dataset(content, 0, stop.stop(), settings.log)};
    data->keep();
  });
}

spot_status spot_dataset_open(const spot_config* config, spot_cancel* cancel, spot_dataset** out, spot_error** error) {
  return guard(error, [&] {
    const spot::Settings settings = spot::settings_of(config);
    required(out, "out");
    const spot::Cancel stop(cancel);
    *out = new spot_dataset{{}, spot::open_configured_dataset(settings.values, stop.stop(), settings.log)};
  });
}

void spot_dataset_free(spot_dataset* dataset) {
  if (dataset == nullptr || dataset->owner.forked()) return;
  delete dataset;
}

spot_status spot_dataset_get_info(const spot_dataset* dataset, spot_dataset_info* out, spot_error** error) {
  return guard(error, [&] {
    check_process(required(dataset, "dataset").owner);
    spot::check_struct(out, "out");
    spot::write_struct(out, describe(dataset->content));
  });
}
