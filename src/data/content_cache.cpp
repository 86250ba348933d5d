#include "data/content_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

constexpr std::size_t kHashDigits = 16;

std::string hash_suffix(std::span<const std::byte> bytes) {
  const std::uint64_t hash = hash64(bytes.data(), bytes.size());
  unsigned char big_endian[8];
  for (int i = 0; i < 8; ++i) big_endian[i] = static_cast<unsigned char>(hash >> (56 - 8 * i));
  return cat(".", to_hex(big_endian, sizeof big_endian));
}

}  // namespace

ContentCache::ContentCache(std::filesystem::path directory, Log log, bool read_only)
    : directory_(std::move(directory)), log_(std::move(log)), read_only_(read_only) {}

std::optional<std::filesystem::path> ContentCache::path_of(const std::string& key) const {
  try {
    // Not std::filesystem's iterator, which ends the process when there is no memory.
    for (const std::string& name : entry_names(open_file(directory_, O_RDONLY | O_DIRECTORY))) {
      if (name.size() == key.size() + 1 + kHashDigits && name.starts_with(key + ".")) return directory_ / name;
    }
  } catch (const Error& error) {
    if (error.status() != Status::kNotFound) log_.warning(cat("the cache cannot be read: ", error.what()));
  }
  return std::nullopt;
}

std::shared_ptr<const MappedFile> ContentCache::find(const std::string& key) const {
  const auto path = path_of(key);
  if (!path) return nullptr;
  try {
    auto file = std::make_shared<const MappedFile>(*path);
    if (path->string().ends_with(hash_suffix(file->bytes()))) return file;
    log_.warning(cat("cached file '", path->string(), "' is damaged: making it anew"));
    if (!read_only_) ::unlink(path->c_str());
  } catch (const Error& error) {
    log_.warning(cat("cached file '", path->string(), "' cannot be used: ", error.what()));
  }
  return nullptr;
}

void ContentCache::put(const std::string& key, std::span<const std::byte> bytes) const {
  if (read_only_) return;
  try {
    const auto old = path_of(key);
    if (old) ::unlink(old->c_str());
    write_file_atomically(directory_ / (key + hash_suffix(bytes)), bytes);
  } catch (const Error& error) {
    log_.warning(cat("not cached: ", error.what()));
  }
}

}  // namespace spot
