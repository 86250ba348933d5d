#include "base/file.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <unistd.h>
#include <utility>

#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/access.h"
#include "base/held_signal.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.release();
  }
  return *this;
}

Fd::~Fd() {
  close();
}

int Fd::close() {
  if (fd_ < 0) return 0;
  // Linux frees the descriptor even when close fails, so it must not be closed twice.
  return ::close(release()) == 0 || errno == EINTR ? 0 : errno;
}

Fd open_file(const std::filesystem::path& path, int flags, unsigned mode) {
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd >= 0) return Fd(fd);
  if (errno == ENOENT) {
    fail(Status::kNotFound, cat("'", path.string(), "' does not exist"), {.os_errno = ENOENT});
  }
  if (errno == ELOOP && (flags & O_NOFOLLOW) != 0) {
    fail(Status::kIo, cat("'", path.string(), "' is a symbolic link, and links are not followed here"),
         {.os_errno = ELOOP});
  }
  fail_path(cat("cannot open '", path.string(), "'"), errno, path);
}

Fd open_regular_file(const std::filesystem::path& path, int flags, unsigned mode) {
  Fd fd = open_file(path, flags | O_NONBLOCK, mode);
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) fail_errno(cat("cannot examine '", path.string(), "'"), errno);
  if (!S_ISREG(info.st_mode)) fail(Status::kIo, cat("'", path.string(), "' is not a file"));
  return fd;
}

namespace {

/// Read at once; `stop` is asked between. A slow network disk takes less than a second for it.
constexpr std::size_t kReadPiece = std::size_t{1} << 20;

template <typename Bytes>
Bytes read_whole(const std::filesystem::path& path, std::uint64_t limit, Links links, const StopCheck& stop) {
  const Fd fd = open_regular_file(path, links == Links::kRefuse ? O_RDONLY | O_NOFOLLOW : O_RDONLY);
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) fail_errno(cat("cannot read '", path.string(), "'"), errno);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size > limit) {
    fail(Status::kData, cat("'", path.string(), "' has ", size, " bytes; at most ", limit, " are accepted here"));
  }
  const std::string what = cat("reading '", path.string(), "'");
  Bytes bytes;
  bytes.reserve(size);
  std::size_t done = 0;
  while (done < size) {
    check_stop(stop, what);
    bytes.resize(std::min<std::uint64_t>(size, done + kReadPiece));
    const ssize_t got = ::read(fd.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno(cat("cannot read '", path.string(), "'"), errno);
    if (got == 0) break;  // truncated while we read: the caller's checks see the shorter content
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace

std::vector<std::byte> read_file(const std::filesystem::path& path, std::uint64_t limit, Links links,
                                 const StopCheck& stop) {
  return read_whole<std::vector<std::byte>>(path, limit, links, stop);
}

std::string read_text_file(const std::filesystem::path& path, std::uint64_t limit, Links links) {
  return read_whole<std::string>(path, limit, links, {});
}

int write_all(int fd, const void* bytes, std::size_t size) {
  const auto* next = static_cast<const char*>(bytes);
  const HeldSignal limit(SIGXFSZ);
  while (size > 0) {
    const ssize_t written = ::write(fd, next, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    next += written;
    size -= static_cast<std::size_t>(written);
  }
  return 0;
}

int write_all_at(int fd, const void* bytes, std::size_t size, std::uint64_t offset) {
  const auto* next = static_cast<const char*>(bytes);
  const HeldSignal limit(SIGXFSZ);
  while (size > 0) {
    const ssize_t written = ::pwrite(fd, next, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    next += written;
    offset += static_cast<std::uint64_t>(written);
    size -= static_cast<std::size_t>(written);
  }
  return 0;
}

Fd open_directory(const std::filesystem::path& directory) {
  return open_file(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

std::vector<std::string> entry_names(const Fd& directory) {
  // A description of its own: readers of a shared one would move each other's position.
  const int fd = ::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail_errno("cannot list a folder", errno);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(fd), ::closedir);
  if (!entries) {
    const int error = errno;
    ::close(fd);
    fail_errno("cannot list a folder", error);
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr) break;
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
      names.emplace_back(entry->d_name);
  }
  if (errno != 0) fail_errno("cannot list a folder", errno);
  return names;
}

std::string random_name() {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) fail_errno("cannot make up a name", errno);
  return to_hex(&random, sizeof random);
}

void sync_directory(const std::filesystem::path& directory) {
  const Fd fd = open_file(directory.empty() ? "." : directory, O_RDONLY | O_DIRECTORY);
  // EINVAL, ENOTSUP: the file system has no such call (CIFS, some of FUSE), so no one can do better.
  if (::fsync(fd.get()) != 0 && errno != EINVAL && errno != ENOTSUP) {
    fail_errno(cat("cannot make directory '", directory.string(), "' durable"), errno);
  }
}

void make_directory(const std::filesystem::path& directory) {
  if (::mkdir(directory.c_str(), 0700) == 0) {
    sync_directory(directory.parent_path());
    return;
  }
  if (errno != EEXIST) fail_path(cat("cannot create directory '", directory.string(), "'"), errno, directory);
  struct stat info {};
  if (::lstat(directory.c_str(), &info) != 0) fail_errno(cat("cannot examine '", directory.string(), "'"), errno);
  if (S_ISLNK(info.st_mode)) {
    fail(Status::kIo,
         cat("'", directory.string(), "' is a symbolic link: put a folder there, or mount the other place on it"));
  }
  if (!S_ISDIR(info.st_mode)) fail(Status::kIo, cat("'", directory.string(), "' exists and is not a directory"));
}

namespace {

/// Removes a temporary file, unless it got the name that it was made for.
class Removal {
 public:
  Removal(int directory, const std::string& name) : directory_(directory), name_(name) {}
  ~Removal() {
    if (!called_off_) ::unlinkat(directory_, name_.c_str(), 0);
  }
  Removal(const Removal&) = delete;
  Removal& operator=(const Removal&) = delete;
  void call_off() { called_off_ = true; }

 private:
  int directory_;
  const std::string& name_;
  bool called_off_ = false;
};

}  // namespace

Fd place_file(const std::filesystem::path& path, std::span<const std::byte> bytes, const Fd* staging, unsigned mode,
              const StopCheck& stop) {
  const std::filesystem::path parent = path.parent_path().empty() ? "." : path.parent_path();
  const Fd beside = staging == nullptr ? open_file(parent, O_RDONLY | O_DIRECTORY) : Fd();
  const int directory = staging == nullptr ? beside.get() : staging->get();
  const std::string temporary = cat(".tmp-", path.filename().string(), "-", random_name());
  const std::string failure = cat("cannot write '", path.string(), "'"), doing = cat("writing '", path.string(), "'");
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Fd fd(::openat(directory, temporary.c_str(), kFlags, mode));
  if (!fd.valid()) fail_errno(failure, errno);
  Removal removal(directory, temporary);
  int error = 0;
  in_pieces(bytes, stop, doing, [&](std::span<const std::byte> piece) {
    if (error == 0) error = write_all(fd.get(), piece.data(), piece.size());
  });
  if (error == 0 && ::fsync(fd.get()) != 0) error = errno;
  if (error == 0) error = share_in(parent, fd.get());
  check_stop(stop, doing);
  if (error == 0 && ::renameat(directory, temporary.c_str(), AT_FDCWD, path.c_str()) != 0) error = errno;
  if (error == EXDEV && staging != nullptr) return place_file(path, bytes, nullptr, mode, stop);
  if (error != 0) fail_errno(failure, error);
  removal.call_off();
  sync_directory(parent);
  return fd;
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes, const Fd* staging,
                           unsigned mode, const StopCheck& stop) {
  const int error = place_file(path, bytes, staging, mode, stop).close();
  if (error != 0) fail_errno(cat("cannot write '", path.string(), "'"), error);
}

void write_file_atomically(const std::filesystem::path& path, const std::string& text, const Fd* staging, unsigned mode,
                           const StopCheck& stop) {
  write_file_atomically(path, std::as_bytes(std::span(text)), staging, mode, stop);
}

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Fd fd = open_regular_file(path, O_RDONLY | O_NOFOLLOW);
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) fail_errno(cat("cannot read '", path.string(), "'"), errno);
  size_ = static_cast<std::size_t>(info.st_size);
  if (size_ == 0) return;
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (address == MAP_FAILED) fail_errno(cat("cannot map '", path.string(), "'"), errno);
  data_ = static_cast<const std::byte*>(address);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace spot
