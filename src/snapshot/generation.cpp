#include "snapshot/generation.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>

#include <sys/stat.h>

#include "base/status.h"
#include "base/text.h"
#include "checkpoint/trailer.h"

namespace spot {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "snap-";
constexpr std::size_t kDigits = 8;

std::vector<std::string> names_in(const fs::path& directory) {
  std::error_code error;
  if (!fs::exists(directory, error) && !error) return {};
  return entry_names(open_file(directory, O_RDONLY | O_DIRECTORY));
}

bool is_there(const fs::path& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

}  // namespace

std::string generation_name(std::uint64_t number) {
  std::array<char, 40> name{};
  std::snprintf(name.data(), name.size(), "snap-%08llu", static_cast<unsigned long long>(number));
  return name.data();
}

std::optional<std::uint64_t> parse_generation_name(std::string_view name) {
  if (!name.starts_with(kPrefix) || name.size() < kPrefix.size() + kDigits) return std::nullopt;
  const auto number = parse_number<std::uint64_t>(name.substr(kPrefix.size()));
  if (!number || *number > kMaxGeneration || generation_name(*number) != name) return std::nullopt;
  return number;
}

std::vector<Generation> list_generations(const fs::path& directory, const StopCheck& stop) {
  std::vector<Generation> generations;
  for (const std::string& name : names_in(directory)) {
    const auto number = parse_generation_name(name);
    if (!number) continue;
    check_stop(stop, "looking for snapshots");
    const fs::path path = directory / name;
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0 && errno != ENOENT)
      fail_errno(cat("cannot examine '", path.string(), "'"), errno);
    if (!S_ISDIR(info.st_mode)) continue;
    generations.push_back({path, name, *number, descent_of(path / kManifestName)});
  }
  std::ranges::sort(generations, [](const Generation& a, const Generation& b) {
    return a.descent != b.descent ? a.descent > b.descent : a.number > b.number;
  });
  return generations;
}

std::uint64_t last_generation_number(const fs::path& directory) {
  std::uint64_t last = 0;
  for (const std::string& name : names_in(directory)) {
    const std::string_view own = std::string_view(name).substr(0, name.find('.'));
    last = std::max(last, parse_generation_name(own).value_or(0));
  }
  return last;
}

Manifest read_generation(const fs::path& path, const StopCheck& stop) {
  const fs::path manifest = path / kManifestName;
  try {
    return read_manifest(manifest, stop);
  } catch (const Error& error) {
    if (!is_there(path)) fail(Status::kNotFound, cat("'", path.string(), "' does not exist"));
    const bool is_none = error.status() == Status::kNotFound || error.status() == Status::kData ||
                         error.details().os_errno == ELOOP || error.details().os_errno == ENOTDIR;
    if (is_none) fail(Status::kCorrupt, cat("'", path.string(), "' has no whole manifest: ", error.what()));
    throw;
  }
}

void fail_changed(const fs::path& generation, const std::string& path) {
  fail(Status::kCorrupt,
       cat("'", (generation / kFilesName).string(), "/", printable(path), "' is not the file that was saved there"));
}

Fd open_saved_file(const fs::path& generation, const std::string& path, const SavedEntry& entry) {
  const fs::path at = generation / kFilesName / path;
  Fd file(::open(at.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  const bool is_no_file = errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO;
  if (!file.valid() && !is_no_file) fail_errno(cat("cannot open '", at.string(), "'"), errno);
  struct stat info {};
  const bool is_it = file.valid() && ::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode) &&
                     static_cast<std::uint64_t>(info.st_size) == entry.size;
  if (!is_it) fail_changed(generation, path);
  return file;
}

void verify_generation(const fs::path& path, const Manifest& manifest, WorkProgress& progress) {
  for (const auto& [name, entry] : manifest.entries) {
    if (entry.kind != EntryKind::kFile) continue;
    const Fd file = open_saved_file(path, name, entry);
    if (hash_content(file.get(), name, progress) != entry.hash) fail_changed(path, name);
  }
}

}  // namespace spot
