#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/file.h"
#include "base/log.h"

namespace spot {

/// Files kept on the volume so that a restart need not unzip, download or draw them again. An entry's name
/// ends in the hash of its content, which is verified whenever the entry is opened: a damaged one is removed
/// and counts as missing.
class ContentCache {
 public:
  /// With `read_only` nothing is put into it.
  ContentCache(std::filesystem::path directory, Log log, bool read_only = false);

  /// The entry of that key, mapped.
  [[nodiscard]] std::shared_ptr<const MappedFile> find(const std::string& key) const;
  /// Keeps the bytes, replacing an entry of the same key. A cache that cannot be written is only reported.
  void put(const std::string& key, std::span<const std::byte> bytes) const;

 private:
  [[nodiscard]] std::optional<std::filesystem::path> path_of(const std::string& key) const;

  std::filesystem::path directory_;
  Log log_;
  bool read_only_;
};

}  // namespace spot
