#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace spot {

/// An array of bytes in an IDX file: big-endian, "0 0 8 rank", one 32-bit extent a dimension, the values. The
/// format is described on the MNIST database's page (LeCun, Cortes and Burges).
struct IdxArray {
  std::vector<std::uint32_t> extents;
  std::span<const std::uint8_t> values;  ///< in the bytes that were parsed
};

/// Checks every claim of the header against the bytes. Throws kData, naming `origin` and the byte offset.
IdxArray parse_idx(std::span<const std::byte> bytes, std::size_t rank, const std::string& origin);

}  // namespace spot
