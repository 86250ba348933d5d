#include "data/content_cache.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/access.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

constexpr std::size_t kHashDigits = 16;
/// Who writes to a file writes more often.
constexpr std::int64_t kAbandonedNs = 600'000'000'000;
/// Who uses an entry starts a run more often, or makes it again.
constexpr std::int64_t kUnusedNs = 7 * std::int64_t{86'400'000'000'000};

std::string hash_suffix(std::span<const std::byte> bytes, const StopCheck& stop, std::string_view what) {
  Hasher64 hasher;
  in_pieces(bytes, stop, what, [&](std::span<const std::byte> piece) { hasher.update(piece.data(), piece.size()); });
  const std::uint64_t hash = hasher.digest();
  unsigned char big_endian[8];
  for (int i = 0; i < 8; ++i) big_endian[i] = static_cast<unsigned char>(hash >> (56 - 8 * i));
  return cat(".", to_hex(big_endian, sizeof big_endian));
}

/// Nanoseconds that a file is kept after its last change or use; 0: for ever.
std::int64_t kept_for(std::string_view name) {
  if (name.starts_with(kUnfinishedPrefix)) return kAbandonedNs;
  return name.starts_with(kUnpackedPrefix) ? kUnusedNs : 0;
}

void throw_if_cancelled(const Error& error) {
  if (error.status() == Status::kCancelled) throw error;
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

std::shared_ptr<const MappedFile> ContentCache::find(const std::string& key, const StopCheck& stop) const {
  const auto path = path_of(key);
  if (!path) return nullptr;
  try {
    auto file = std::make_shared<const MappedFile>(*path);
    const std::string suffix = hash_suffix(file->bytes(), stop, cat("verifying '", path->string(), "'"));
    if (path->string().ends_with(suffix)) {
      // sweep() goes by the time of the last use. Where that cannot be noted the entry is made again some day.
      if (!read_only_) ::utimensat(AT_FDCWD, path->c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
      return file;
    }
    log_.warning(cat("cached file '", path->string(), "' is damaged: making it anew"));
    if (!read_only_) ::unlink(path->c_str());
  } catch (const Error& error) {
    throw_if_cancelled(error);
    log_.warning(cat("cached file '", path->string(), "' cannot be used: ", error.what()));
  }
  return nullptr;
}

void ContentCache::put(const std::string& key, std::span<const std::byte> bytes, const StopCheck& stop) const {
  if (read_only_) return;
  try {
    const std::string name = key + hash_suffix(bytes, stop, "hashing what is to be cached");
    const auto old = path_of(key);
    write(name, bytes, stop);
    if (old && old->filename() != name) ::unlink(old->c_str());
  } catch (const Error& error) {
    throw_if_cancelled(error);
    log_.warning(cat("not cached: ", error.what()));
  }
}

/// Nothing waits for the disk at the end: a power cut may damage the entry, which is noticed. But what was written is
/// brought to the disk piece by piece, so that it does not hold up the first checkpoint.
void ContentCache::write(const std::string& name, std::span<const std::byte> bytes, const StopCheck& stop) const {
  const std::filesystem::path temporary = directory_ / cat(kUnfinishedPrefix, random_name());
  const std::string what = cat("writing '", (directory_ / name).string(), "'");
  Fd fd = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
  try {
    off_t begin = 0;
    in_pieces(bytes, stop, what, [&](std::span<const std::byte> piece) {
      int error = write_all(fd.get(), piece.data(), piece.size());
      if (error != 0) fail_errno(what, error);
      constexpr unsigned kWriteAndWait =
          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
      ::sync_file_range(fd.get(), begin, static_cast<off_t>(piece.size()), kWriteAndWait);
      begin += static_cast<off_t>(piece.size());
    });
    int error = share_in(directory_, fd.get());
    if (const int late = fd.close(); error == 0) error = late;
    if (error == 0 && ::rename(temporary.c_str(), (directory_ / name).c_str()) != 0) error = errno;
    if (error != 0) fail_errno(what, error);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

void ContentCache::sweep() const {
  try {
    const Fd directory = open_file(directory_, O_RDONLY | O_DIRECTORY);
    for (const std::string& name : entry_names(directory)) {
      const std::int64_t keep_ns = kept_for(name);
      struct stat info {};
      if (keep_ns == 0 || ::fstatat(directory.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      const std::int64_t changed_ns = info.st_mtim.tv_sec * std::int64_t{1'000'000'000};
      if (system_clock().wall_ns() - changed_ns > keep_ns) ::unlinkat(directory.get(), name.c_str(), 0);
    }
  } catch (const Error&) {
    // They only take room; whatever else is wrong with the folder will be told by who needs it.
  }
}

}  // namespace spot
