#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"

namespace spot {

/// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  /// Closes and reports an error as errno (0: none). Network file systems say "disk full" only here.
  int close();

 private:
  int fd_ = -1;
};

/// Opens with O_CLOEXEC and retries EINTR; throws kNotFound for ENOENT, else like fail_errno.
Fd open_file(const std::filesystem::path& path, int flags, unsigned mode = 0600);

/// The same for regular files only: a pipe must not hold us up, a device not be touched. Throws kIo for them.
Fd open_regular_file(const std::filesystem::path& path, int flags, unsigned mode = 0600);

/// Whether a path may end in a symbolic link. The user's own paths may; what lies on a volume may not, or
/// whoever wrote the volume could choose which files of this machine are read.
enum class Links { kFollow, kRefuse };

/// The whole file; throws kNotFound, kIo, kData when it is larger than `limit` bytes, or kCancelled when `stop` said
/// so.
std::vector<std::byte> read_file(const std::filesystem::path& path, std::uint64_t limit, Links links = Links::kFollow,
                                 const StopCheck& stop = {});
std::string read_text_file(const std::filesystem::path& path, std::uint64_t limit, Links links = Links::kFollow);

/// Writes all bytes, looping on short writes and EINTR. Returns errno, 0 when all is written; EFBIG beyond the limit of
/// RLIMIT_FSIZE, whose signal ends nobody.
int write_all(int fd, const void* bytes, std::size_t size);

/// The same at `offset`, without moving the file's position.
int write_all_at(int fd, const void* bytes, std::size_t size, std::uint64_t offset);

/// Opens a directory; a symbolic link in its place is refused, so that nothing leads out of a volume.
Fd open_directory(const std::filesystem::path& directory);

/// Names of the entries of an open directory, but "." and "..", in no order. Throws kIo.
std::vector<std::string> entry_names(const Fd& directory);

/// 16 random hexadecimal digits, for a name that no other process makes, on whatever machine. Throws kIo.
std::string random_name();

/// Makes the entries of a directory durable, where its file system can do that: who relies on it finds out beforehand
/// (checkpoint/rehearsal.h). Throws kIo.
void sync_directory(const std::filesystem::path& directory);

/// Creates the directory (its parent must exist) with mode 0700 unless it is there, and makes its entry in
/// the parent durable. Throws kIo when something else is there, a symbolic link included.
void make_directory(const std::filesystem::path& directory);

constexpr unsigned kPrivate = 0600;  ///< checkpoints and what belongs to them
constexpr unsigned kByUmask = 0666;  ///< what is made for others: models, logs

/// Replaces `path` by the bytes, atomically and durably: a temporary file, fsync, rename, fsync of the
/// directory. After a crash the old or the new content is there, never a mixture. The temporary file is made
/// in `staging`, a directory of the same volume, and who loses the staging directory can replace nothing any more;
/// else, or when something else is mounted where `path` is, beside `path`. The file gets `mode` less the process's
/// umask, and in a shared folder (base/access.h) what its group needs; where `path` is a symbolic link, the link is
/// replaced. When `stop` says so before the rename it throws kCancelled, and the old content stays.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes,
                           const Fd* staging = nullptr, unsigned mode = kPrivate, const StopCheck& stop = {});
void write_file_atomically(const std::filesystem::path& path, const std::string& text, const Fd* staging = nullptr,
                           unsigned mode = kPrivate, const StopCheck& stop = {});
/// The same, and leaves that very file open for appending.
Fd place_file(const std::filesystem::path& path, std::span<const std::byte> bytes, const Fd* staging,
              unsigned mode = kPrivate, const StopCheck& stop = {});

/// A file of a volume mapped read-only, symbolic links refused. Only for files that no one else writes to: whoever
/// truncates a mapped file kills its reader with SIGBUS.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace spot
