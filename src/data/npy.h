#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace spot {

// NumPy's .npy files: a magic string, a version, a header that is a Python dictionary ("descr", "fortran_order",
// "shape"), then the values, in the byte order and type that "descr" names.

/// Types of values that are read.
enum class NpyType : std::uint8_t { kUint8, kInt32, kInt64, kFloat32 };

struct NpyArray {
  NpyType type = NpyType::kUint8;
  std::vector<std::uint32_t> extents;
  std::span<const std::byte> values;  ///< in the bytes that were parsed, rows first, at any address
};

/// Checks every claim of the header against the bytes. Throws kData, naming `origin`, for a damaged file, a type that
/// is none of ours, byte order or order of the values that are not this machine's and C's.
NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& origin);

}  // namespace spot
