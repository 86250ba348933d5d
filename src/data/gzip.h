#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"

namespace spot {

/// Whether the bytes begin as a gzip file does.
bool is_gzip(std::span<const std::byte> bytes);

/// The content of a gzip file, all its members one after another, each checksum verified; zero bytes behind them are
/// padding. Throws kData, naming `origin`, for damaged or cut-off content, other bytes behind it, or more than `limit`
/// bytes, and kCancelled when `stop` said so.
std::vector<std::byte> gunzip(std::span<const std::byte> bytes, std::uint64_t limit, const std::string& origin,
                              const StopCheck& stop = {});

/// zlib's version, e.g. "1.2.13".
std::string gzip_library_version();

}  // namespace spot
