#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "data/content.h"
#include "data/dataset_builder.h"
#include "data/image_shape.h"

namespace spot {

// IDX files, as the MNIST database's page describes them (LeCun, Cortes and Burges): two zero bytes, the type of the
// values, the number of dimensions, one 32-bit extent a dimension, the values. All numbers are big-endian.

/// The third byte of a file.
enum class IdxType : std::uint8_t {
  kUint8 = 0x08,
  kInt8 = 0x09,
  kInt16 = 0x0b,
  kInt32 = 0x0c,
  kFloat32 = 0x0d,
  kFloat64 = 0x0e,
};

struct IdxArray {
  IdxType type = IdxType::kUint8;
  std::vector<std::uint32_t> extents;
  std::span<const std::byte> values;  ///< in the bytes that were parsed
  std::size_t header = 0;             ///< bytes before the values
};

/// Checks every claim of the header against the bytes. Throws kData, naming `origin` and the byte offset.
IdxArray parse_idx(std::span<const std::byte> bytes, const std::string& origin);

struct IdxImages {
  ImageShape shape;
  ByteValues pixels;
};

/// Images, [n][rows][columns] or [n][rows][columns][channels]; one channel may stand before the rows, too. Pixels of
/// any type that are whole numbers from 0 to 255, or floating-point numbers k / 255. Throws kData, kCancelled when
/// `stop` said so.
IdxImages read_idx_images(std::span<const std::byte> bytes, const std::string& origin, const StopCheck& stop);

/// Labels, [n] or QMNIST's [n][8], whose first column is the class; of any type, from 0 to 255. Throws likewise.
ByteValues read_idx_labels(std::span<const std::byte> bytes, const std::string& origin, const StopCheck& stop);

/// Both together, as they may be found. Throws likewise.
DatasetPart read_idx_part(const Content& images, const Content& labels, const StopCheck& stop);

}  // namespace spot
