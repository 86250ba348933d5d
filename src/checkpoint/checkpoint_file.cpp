#include "checkpoint/checkpoint_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <sys/stat.h>

#include "base/status.h"
#include "base/text.h"
#include "checkpoint/trailer.h"

namespace spot {
namespace {

constexpr std::string_view kPrefix = "ckpt-";
constexpr std::string_view kSnapshotPrefix = "snap-";
constexpr std::string_view kSuffix = ".spck";
constexpr std::string_view kCorruptSuffix = ".corrupt";
constexpr const char* kWhat = "looking for checkpoints";
constexpr std::size_t kStepDigits = 12, kGenerationDigits = 8;

std::optional<std::uint64_t> parse_digits(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  return parse_number<std::uint64_t>(text);
}

std::vector<std::string> names_in(const std::filesystem::path& directory) {
  std::error_code error;
  if (!std::filesystem::exists(directory, error) && !error) return {};
  return entry_names(open_file(directory, O_RDONLY | O_DIRECTORY));
}

}  // namespace

Descent descent_of(const std::filesystem::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid() && (errno == ENOENT || errno == ENOTDIR)) return {};
  // A file that cannot be read for once says nothing about its place: guessing would resume an older state.
  const auto fail_to = [&](const char* what) {
    fail_errno(cat("cannot ", what, " '", path.string(), "' (move it away to go on without it)"), errno);
  };
  if (!fd.valid()) fail_to("open");
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) fail_to("examine");
  std::array<std::byte, kTrailerSize> bytes{};
  if (!S_ISREG(info.st_mode) || info.st_size < static_cast<off_t>(kTrailerSize)) return {};
  const ssize_t size = ::pread(fd.get(), bytes.data(), bytes.size(), info.st_size - static_cast<off_t>(kTrailerSize));
  if (size < 0) fail_to("read");
  if (size != static_cast<ssize_t>(bytes.size())) return {};
  const auto trailer = decode_trailer(bytes);
  if (trailer && (trailer->writer_epoch > kMaxWriterEpoch || trailer->generation > kMaxGeneration)) return {};
  return trailer ? Descent{false, trailer->writer_epoch, trailer->generation} : Descent{};
}

std::string checkpoint_file_name(std::uint64_t step, std::uint64_t generation) {
  std::array<char, 64> name;
  std::snprintf(name.data(), name.size(), "ckpt-%012llu-%08llu.spck", static_cast<unsigned long long>(step),
                static_cast<unsigned long long>(generation));
  return name.data();
}

std::optional<StoredFile> parse_checkpoint_file_name(const std::string& name) {
  // Numbers may outgrow their digits, never fall short of them.
  std::string_view rest = name;
  if (!rest.starts_with(kPrefix) || !rest.ends_with(kSuffix)) return std::nullopt;
  rest.remove_prefix(kPrefix.size());
  rest.remove_suffix(kSuffix.size());
  const std::size_t dash = rest.find('-');
  if (dash == std::string_view::npos || dash < kStepDigits || rest.size() - dash - 1 < kGenerationDigits) {
    return std::nullopt;
  }
  const auto step = parse_digits(rest.substr(0, dash));
  const auto generation = parse_digits(rest.substr(dash + 1));
  if (!step || !generation || *generation > kMaxGeneration) return std::nullopt;
  return StoredFile{.path = name, .step = *step, .generation = *generation};
}

std::vector<StoredFile> list_checkpoints(const std::filesystem::path& directory, const StopCheck& stop) {
  std::vector<StoredFile> files;
  for (const std::string& name : names_in(directory)) {
    auto file = parse_checkpoint_file_name(name);
    if (!file) continue;
    check_stop(stop, kWhat);
    file->path = directory / name;
    struct stat info {};
    if (::lstat(file->path.c_str(), &info) != 0) {
      if (errno == ENOENT) continue;  // pruned meanwhile
      fail_errno(cat("cannot examine '", file->path.string(), "'"), errno);
    }
    if (!S_ISREG(info.st_mode)) continue;
    file->bytes = static_cast<std::uint64_t>(info.st_size);
    files.push_back(std::move(*file));
  }
  std::sort(files.begin(), files.end(), [](const StoredFile& a, const StoredFile& b) {
    return a.generation != b.generation ? a.generation > b.generation : a.step > b.step;
  });
  return files;
}

std::vector<StoredFile> list_by_lineage(const std::filesystem::path& directory, const StopCheck& stop) {
  std::vector<StoredFile> files = list_checkpoints(directory, stop);
  std::vector<std::pair<Descent, std::size_t>> order;
  for (std::size_t i = 0; i < files.size(); ++i) {
    check_stop(stop, kWhat);
    order.emplace_back(descent_of(files[i].path), i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& left, const auto& right) { return left.first > right.first; });
  std::vector<StoredFile> sorted;
  for (const auto& [descent, index] : order) sorted.push_back(std::move(files[index]));
  return sorted;
}

std::string set_aside_name(const std::string& name) {
  return cat(name, kCorruptSuffix);
}

bool is_set_aside(std::string_view name) {
  return (name.starts_with(kPrefix) || name.starts_with(kSnapshotPrefix)) && name.ends_with(kCorruptSuffix);
}

std::vector<std::string> list_set_aside(const std::filesystem::path& directory) {
  std::vector<std::string> names = names_in(directory);
  std::erase_if(names, [](const std::string& name) { return !is_set_aside(name); });
  return names;
}

std::uint64_t last_writer_epoch(const std::filesystem::path& directory, const StopCheck& stop) {
  std::uint64_t last = 0;
  for (const StoredFile& file : list_checkpoints(directory, stop)) {
    check_stop(stop, kWhat);
    try {
      last = std::max(last, descent_of(file.path).writer_epoch);
    } catch (const Error&) {
      // Which one is resumed is not decided here, and the workspaces know the epoch too.
    }
  }
  return last;
}

std::uint64_t last_generation(const std::filesystem::path& directory) {
  std::uint64_t last = 0;
  for (const StoredFile& file : list_checkpoints(directory)) last = std::max(last, file.generation);
  for (const std::string& name : list_set_aside(directory)) {
    const auto file = parse_checkpoint_file_name(name.substr(0, name.find(kSuffix) + kSuffix.size()));
    if (file) last = std::max(last, file->generation);
  }
  return last;
}

}  // namespace spot
