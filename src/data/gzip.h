#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace spot {

/// Whether the bytes begin as a gzip file does.
bool is_gzip(std::span<const std::byte> bytes);

/// The content of a gzip file, its checksum verified. Throws kData, naming `origin`, for damaged or cut-off
/// content, bytes behind it, or more than `limit` bytes.
std::vector<std::byte> gunzip(std::span<const std::byte> bytes, std::uint64_t limit, const std::string& origin);

/// zlib's version, e.g. "1.2.13".
std::string gzip_library_version();

}  // namespace spot
