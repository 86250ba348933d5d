#include "data/idx.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string_view>

#include "base/status.h"
#include "base/text.h"
#include "data/foreign_format.h"

namespace spot {
namespace {

template <typename Integer>
Integer big_endian(const std::byte* bytes) {
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    value = static_cast<Integer>(value << 8 | std::to_integer<Integer>(bytes[i]));
  }
  return value;
}

[[noreturn]] void refuse(const std::string& origin, const std::string& why, std::size_t offset) {
  fail(Status::kData, cat("'", origin, "' is no good IDX file: ", why, " (byte ", offset, ")"),
       {.byte_offset = static_cast<std::int64_t>(offset)});
}

/// Bytes a value; 0: there is no such type.
std::size_t width_of(std::byte type) {
  switch (static_cast<IdxType>(type)) {
    case IdxType::kUint8:
    case IdxType::kInt8: return 1;
    case IdxType::kInt16: return 2;
    case IdxType::kInt32:
    case IdxType::kFloat32: return 4;
    case IdxType::kFloat64: return 8;
  }
  return 0;
}

bool is_float(IdxType type) {
  return type == IdxType::kFloat32 || type == IdxType::kFloat64;
}

/// A value of any type, exactly.
double value_at(IdxType type, const std::byte* at) {
  switch (type) {
    case IdxType::kUint8: return std::to_integer<std::uint8_t>(*at);
    case IdxType::kInt8: return std::bit_cast<std::int8_t>(*at);
    case IdxType::kInt16: return std::bit_cast<std::int16_t>(big_endian<std::uint16_t>(at));
    case IdxType::kInt32: return std::bit_cast<std::int32_t>(big_endian<std::uint32_t>(at));
    case IdxType::kFloat32: return double{std::bit_cast<float>(big_endian<std::uint32_t>(at))};
    case IdxType::kFloat64: return std::bit_cast<double>(big_endian<std::uint64_t>(at));
  }
  return 0;
}

std::size_t product(std::span<const std::uint32_t> extents) {
  std::size_t size = 1;
  for (const std::uint32_t extent : extents) size *= extent;
  return size;
}

/// Every `stride`-th value, times `scale`, as a byte. `wanted` says which values can be one.
ByteValues to_bytes(const IdxArray& array, std::size_t stride, double scale, const std::string& origin,
                    std::string_view wanted, const StopCheck& stop) {
  // A float32 of k / 255 is off by less than this when it is multiplied by 255.
  constexpr double kRounding = 1e-4;
  constexpr std::size_t kAskEvery = std::size_t{1} << 20;
  const std::size_t width = width_of(static_cast<std::byte>(array.type));
  const std::size_t count = array.values.size() / width / stride;
  auto bytes = std::make_shared<std::vector<std::uint8_t>>(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (i % kAskEvery == 0) check_stop(stop, cat("reading '", origin, "'"));
    const std::size_t at = i * stride * width;
    const double value = value_at(array.type, array.values.data() + at) * scale;
    const double whole = std::nearbyint(value);
    if (!(whole >= 0 && whole <= 255 && std::fabs(value - whole) <= (scale == 1 ? 0 : kRounding))) {
      refuse(origin, cat("value ", value / scale, " is none of ", wanted), array.header + at);
    }
    (*bytes)[i] = static_cast<std::uint8_t>(whole);
  }
  const std::span<const std::uint8_t> view = *bytes;
  return {view, std::move(bytes)};
}

ByteValues bytes_of(const IdxArray& array) {
  return {{reinterpret_cast<const std::uint8_t*>(array.values.data()), array.values.size()}, nullptr};
}

/// Whether all are from 0 to 1: brightness as numerical programs keep it.
bool is_unit_range(const IdxArray& array, const std::string& origin, const StopCheck& stop) {
  bool is_unit = true;
  const std::size_t width = width_of(static_cast<std::byte>(array.type));
  in_pieces(array.values, stop, cat("reading '", origin, "'"), [&](std::span<const std::byte> piece) {
    for (std::size_t at = 0; at < piece.size(); at += width) {
      const double value = value_at(array.type, piece.data() + at);
      is_unit = is_unit && value >= 0 && value <= 1;
    }
  });
  return is_unit;
}

}  // namespace

IdxArray parse_idx(std::span<const std::byte> bytes, const std::string& origin) {
  if (const std::string_view format = foreign_format(bytes); !format.empty()) {
    refuse(origin, cat("it looks like ", format), 0);
  }
  if (bytes.size() < 4) refuse(origin, cat("it has ", bytes.size(), " bytes, its header has more"), bytes.size());
  if (bytes[0] != std::byte{0} || bytes[1] != std::byte{0}) {
    refuse(origin, "it does not begin with two zero bytes", 0);
  }
  const std::size_t width = width_of(bytes[2]);
  if (width == 0) {
    refuse(origin,
           cat("its values are of type ", std::to_integer<int>(bytes[2]),
               ", which is none of 8 (unsigned bytes), 9, 11, 12 (integers), 13, 14 (floating-point numbers)"),
           2);
  }
  IdxArray array{.type = static_cast<IdxType>(bytes[2]), .extents = {}, .values = {}, .header = 0};
  const auto rank = std::to_integer<std::size_t>(bytes[3]);
  array.header = 4 + 4 * rank;
  if (rank == 0) refuse(origin, "it has no dimensions", 3);
  if (bytes.size() < array.header) {
    refuse(origin, cat("it has ", bytes.size(), " bytes, its header alone has ", array.header, ": it was cut off"),
           bytes.size());
  }
  const std::size_t held = (bytes.size() - array.header) / width;
  std::size_t size = 1;
  for (std::size_t d = 0; d < rank; ++d) {
    const auto extent = big_endian<std::uint32_t>(bytes.data() + 4 + 4 * d);
    if (extent == 0) refuse(origin, cat("dimension ", d + 1, " is empty"), 4 + 4 * d);
    array.extents.push_back(extent);
    if (extent > held / size) {
      refuse(origin,
             cat("its header announces at least ", static_cast<double>(size) * extent, " values, ", held,
                 " follow: it was cut off"),
             bytes.size());
    }
    size *= extent;
  }
  array.values = bytes.subspan(array.header);
  if (const std::size_t rest = array.values.size() - size * width; rest > 0) {
    refuse(origin, cat(rest, " bytes follow its last value"), array.header + size * width);
  }
  return array;
}

IdxImages read_idx_images(std::span<const std::byte> bytes, const std::string& origin, const StopCheck& stop) {
  const IdxArray array = parse_idx(bytes, origin);
  if (const std::string why = why_no_images(array.extents); !why.empty()) refuse(origin, why, 3);
  IdxImages images{image_shape(array.extents), {}};
  if (array.type == IdxType::kUint8) {
    images.pixels = bytes_of(array);
  } else if (is_float(array.type) && is_unit_range(array, origin, stop)) {
    images.pixels = to_bytes(array, 1, 255, origin, "0/255, 1/255 ... 255/255: store the pixels as bytes", stop);
  } else {
    images.pixels = to_bytes(array, 1, 1, origin, "the whole numbers from 0 to 255: store the pixels as bytes", stop);
  }
  return images;
}

ByteValues read_idx_labels(std::span<const std::byte> bytes, const std::string& origin, const StopCheck& stop) {
  constexpr std::uint32_t kQmnistColumns = 8;
  const IdxArray array = parse_idx(bytes, origin);
  const auto& shape = array.extents;
  if (shape.size() > 2) {
    refuse(origin, cat("it has ", shape.size(), " dimensions, labels one: are images and labels exchanged?"), 3);
  }
  if (shape.size() == 2 && shape[1] != 1 && shape[1] != kQmnistColumns) {
    refuse(origin,
           cat("its shape is ", shape_text(array.extents), ", that of labels [labels], or QMNIST's [labels][8]"), 3);
  }
  const std::size_t stride = product(std::span(shape).subspan(1));
  if (stride == kQmnistColumns && array.type != IdxType::kInt32) {
    refuse(origin,
           cat("its shape is ", shape_text(array.extents), " and its values are of type ", static_cast<int>(array.type),
               ", where QMNIST's labels are 32-bit integers (12): store one label an image"),
           2);
  }
  if (array.type == IdxType::kUint8 && stride == 1) return bytes_of(array);
  return to_bytes(array, stride, 1, origin, "the labels from 0 to 255", stop);
}

DatasetPart read_idx_part(const Content& images, const Content& labels, const StopCheck& stop) {
  IdxImages pixels = read_idx_images(images.bytes, images.origin, stop);
  ByteValues classes = read_idx_labels(labels.bytes, labels.origin, stop);
  return {.set = {.images = pixels.pixels.view,
                  .labels = classes.view,
                  .count = pixels.shape.count,
                  .rows = pixels.shape.rows,
                  .columns = pixels.shape.columns,
                  .channels = pixels.shape.channels},
          .memory = {pixels.pixels.memory ? pixels.pixels.memory : images.memory,
                     classes.memory ? classes.memory : labels.memory},
          .images = images.origin,
          .labels = labels.origin};
}

}  // namespace spot
