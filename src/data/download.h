#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/log.h"

namespace spot {

/// One file to fetch from the first mirror that gives it.
struct Download {
  std::string name;                  ///< behind each mirror's base URL, e.g. "train-images-idx3-ubyte.gz"
  std::vector<std::string> mirrors;  ///< base URLs ending in '/'
  std::filesystem::path part;        ///< what has arrived so far; kept over interruptions
  std::uint64_t limit = 0;           ///< bytes; a longer file is refused
};

/// Checks a complete file; throws when it is not what was wanted, and the next mirror is tried.
using DownloadCheck = std::function<void(std::span<const std::byte> bytes, const std::string& url)>;

/// Fetches, going on where an earlier attempt stopped. Returns the checked bytes and removes the part file.
/// Throws kNetwork, telling of every mirror, or kCancelled.
std::vector<std::byte> fetch(const Download& download, const DownloadCheck& check, const StopCheck& stop,
                             const Log& log);

}  // namespace spot
