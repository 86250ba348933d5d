#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/cancel.h"
#include "base/file.h"
#include "base/log.h"

namespace spot {

/// Files kept on the volume so that a restart need not unzip, download or draw them again. An entry's name
/// ends in the hash of its content, which is verified whenever the entry is opened: a damaged one is removed
/// and counts as missing. Any number of processes may use one cache.
class ContentCache {
 public:
  /// With `read_only` nothing is put into it.
  ContentCache(std::filesystem::path directory, Log log, bool read_only = false);

  /// The entry of that key, mapped. Throws kCancelled when `stop` said so.
  [[nodiscard]] std::shared_ptr<const MappedFile> find(const std::string& key, const StopCheck& stop) const;
  /// Keeps the bytes, replacing an entry of the same key. A cache that cannot be written is only reported. Throws
  /// kCancelled when `stop` said so: the entry is missing then.
  void put(const std::string& key, std::span<const std::byte> bytes, const StopCheck& stop) const;
  /// Removes what processes that were killed left half-written, and unpacked copies that nobody used for a week: the
  /// file that such a copy was made of may have been replaced, or be gone.
  void sweep() const;

 private:
  [[nodiscard]] std::optional<std::filesystem::path> path_of(const std::string& key) const;
  void write(const std::string& name, std::span<const std::byte> bytes, const StopCheck& stop) const;

  std::filesystem::path directory_;
  Log log_;
  bool read_only_;
};

/// How a file's name begins that sweep() removes once nobody has written to it for a while.
constexpr const char* kUnfinishedPrefix = ".tmp-";
/// How the key of an unpacked copy of a user's own file begins. The rest is the hash of that file.
constexpr const char* kUnpackedPrefix = "unpacked-";

}  // namespace spot
