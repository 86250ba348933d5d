#include "checkpoint/checkpoint_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/stat.h>

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

constexpr std::string_view kPrefix = "ckpt-";
constexpr std::string_view kSuffix = ".spck";
constexpr std::string_view kTemporaryPrefix = ".tmp-";
constexpr std::string_view kCorruptSuffix = ".corrupt";
constexpr std::size_t kStepDigits = 12, kGenerationDigits = 8;

std::optional<std::uint64_t> parse_digits(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  return parse_number<std::uint64_t>(text);
}

/// A temporary file on its way to its final name; removed when it does not get there.
class TemporaryFile {
 public:
  TemporaryFile(const Fd& directory, std::string name) : directory_(directory), name_(std::move(name)) {
    // O_EXCL and O_NOFOLLOW: what is written is a new file of our own, never one that somebody put or linked
    // there.
    fd_ = Fd(::openat(directory_.get(), name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd_.valid()) fail_errno(cat("cannot create '", name_, "'"), errno);
    // Held while we live: sweep_temporary_files() knows an abandoned file by its free lock.
    ::flock(fd_.get(), LOCK_EX | LOCK_NB);
  }
  ~TemporaryFile() {
    if (!name_.empty()) ::unlinkat(directory_.get(), name_.c_str(), 0);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(const EncodedCheckpoint& content) {
    // Blocks first: a full disk is noticed before anything is written. File systems without the call say
    // EOPNOTSUPP and notice later.
    const int reserved = ::posix_fallocate(fd_.get(), 0, static_cast<off_t>(content.size()));
    if (reserved != 0 && reserved != EOPNOTSUPP && reserved != EINVAL) check(reserved, "reserve space for");
    check(write_all(fd_.get(), content.payload.data(), content.payload.size()), "write");
    check(write_all(fd_.get(), content.trailer.data(), content.trailer.size()), "write");
  }

  void make_durable() {
    // Never tried again: after an error the kernel has marked the pages clean, and a second fsync would
    // report success for data that is gone.
    check(::fsync(fd_.get()) == 0 ? 0 : errno, "make durable");
    // Network file systems report a failed write here at the latest.
    check(fd_.close(), "close");
  }

  /// Gives it its name unless that exists.
  void publish(const std::string& name) {
    int error = 0;
    if (::renameat2(directory_.get(), name_.c_str(), directory_.get(), name.c_str(), RENAME_NOREPLACE) != 0) {
      error = errno;
    }
    if (error == EINVAL || error == ENOSYS) {
      // A file system that cannot rename without replacing can link without replacing; the destructor
      // removes the temporary name.
      error = ::linkat(directory_.get(), name_.c_str(), directory_.get(), name.c_str(), 0) == 0 ? 0 : errno;
      if (error == 0) return;
    }
    if (error == EEXIST) {
      fail(Status::kFenced,
           cat("'", name,
               "' exists already: another writer uses this volume; stop one of "
               "the two"),
           {.os_errno = EEXIST});
    }
    check(error, "rename");
    name_.clear();
  }

 private:
  void check(int error, const char* what) const {
    if (error != 0) fail_errno(cat("cannot ", what, " checkpoint file '", name_, "'"), error);
  }

  const Fd& directory_;
  std::string name_;
  Fd fd_;
};

}  // namespace

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
  if (!step || !generation) return std::nullopt;
  return StoredFile{.path = name, .step = *step, .generation = *generation};
}

std::vector<StoredFile> list_checkpoints(const std::filesystem::path& directory) {
  std::vector<StoredFile> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    auto file = parse_checkpoint_file_name(entry.path().filename().string());
    if (!file || !entry.is_regular_file(error) || entry.is_symlink(error)) continue;
    file->path = entry.path();
    file->bytes = entry.file_size(error);
    files.push_back(std::move(*file));
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    fail_errno(cat("cannot list '", directory.string(), "'"), error.value());
  }
  std::sort(files.begin(), files.end(), [](const StoredFile& a, const StoredFile& b) {
    return a.generation != b.generation ? a.generation > b.generation : a.step > b.step;
  });
  return files;
}

std::vector<std::string> list_corrupt(const std::filesystem::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::string name = entry.path().filename().string();
    if (name.starts_with(kPrefix) && name.ends_with(kCorruptSuffix)) names.push_back(std::move(name));
  }
  return names;
}

void commit_file(const Fd& directory, const std::filesystem::path& directory_path, const std::string& name,
                 const std::string& writer, const EncodedCheckpoint& content) {
  {
    TemporaryFile file(directory, cat(kTemporaryPrefix, writer, "-", name));
    file.write(content);
    file.make_durable();
    file.publish(name);
  }
  // The name is durable only with its folder. When this fails nobody knows what a power cut would leave, so
  // nothing is acknowledged and nothing older is removed.
  if (::fsync(directory.get()) != 0) {
    fail_errno(cat("checkpoint '", name, "' may not be durable: cannot sync folder '", directory_path.string(), "'"),
               errno);
  }
}

void sweep_temporary_files(const std::filesystem::path& directory) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (!entry.path().filename().string().starts_with(kTemporaryPrefix)) continue;
    const Fd fd(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (fd.valid() && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(entry.path().c_str());
  }
}

}  // namespace spot
