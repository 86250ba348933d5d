#include "snapshot/file_copy.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <unistd.h>
#include <utility>
#include <vector>

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;
constexpr std::int64_t kTellEvery = 5'000'000'000;

/// Calls use(piece, offset) for all of a file in order; of one that grows meanwhile, for what it had at the begin: else
/// a fast writer would never let it end.
template <typename Use>
void read_in_pieces(int file, const std::string& name, WorkProgress& progress, const Use& use) {
  struct stat info {};
  if (::fstat(file, &info) != 0) fail_errno(cat("cannot examine '", name, "'"), errno);
  const auto end = static_cast<std::uint64_t>(info.st_size);
  std::vector<std::byte> buffer(std::min<std::uint64_t>(kPiece, end));
  for (std::uint64_t at = 0; at < end;) {
    const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), end - at);
    const ssize_t size = ::pread(file, buffer.data(), wanted, static_cast<off_t>(at));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) fail_errno(cat("cannot read '", name, "'"), errno);
    if (size == 0) return;  // it was cut off
    use(std::span(buffer).first(static_cast<std::size_t>(size)), at);
    at += static_cast<std::uint64_t>(size);
    progress.add(static_cast<std::uint64_t>(size));
  }
}

/// So that a full disk is noticed early. A file with holes has less than its size.
int reserve(int from, int to) {
  struct stat info {};
  if (::fstat(from, &info) != 0) return errno;
  constexpr off_t kUnit = 512;  // of st_blocks
  if (info.st_size == 0 || info.st_blocks * kUnit < info.st_size) return 0;
  const int error = ::posix_fallocate(to, 0, info.st_size);
  return error == EOPNOTSUPP || error == EINVAL || error == EINTR ? 0 : error;
}

}  // namespace

WorkProgress::WorkProgress(std::string what, const StopCheck& stop, const Clock& clock, const Log& log)
    : what_(std::move(what)), stop_(stop), clock_(clock), log_(log), told_ns_(clock.monotonic_ns()) {}

void WorkProgress::add(std::uint64_t bytes) {
  check();
  done_ += bytes;
  const std::int64_t now = clock_.monotonic_ns();
  if (now - told_ns_ < kTellEvery) return;
  told_ns_ = now;
  log_.info(cat(what_, ": ", done_ / 1'000'000, " MB so far"));
}

bool clone_content(int from, int to) {
  return ::ioctl(to, FICLONE, from) == 0;
}

Hash128 copy_content(int from, int to, const std::string& name, WorkProgress& progress) {
  int error = reserve(from, to);
  Hasher hasher;
  std::uint64_t size = 0;
  if (error == 0) {
    read_in_pieces(from, name, progress, [&](std::span<const std::byte> piece, std::uint64_t at) {
      hasher.update(piece.data(), piece.size());
      size = at + piece.size();
      // All of it is as the first byte, which is zero.
      const bool is_hole =
          piece.front() == std::byte{0} && std::memcmp(piece.data(), piece.data() + 1, piece.size() - 1) == 0;
      if (is_hole) return;
      if (const int failed = write_all_at(to, piece.data(), piece.size(), at)) {
        fail_errno(cat("cannot copy '", name, "'"), failed);
      }
    });
    if (::ftruncate(to, static_cast<off_t>(size)) != 0) error = errno;
  }
  if (error != 0) fail_errno(cat("cannot copy '", name, "'"), error);
  return hasher.digest();
}

Hash128 hash_content(int file, const std::string& name, WorkProgress& progress) {
  Hasher hasher;
  read_in_pieces(file, name, progress, [&](std::span<const std::byte> piece, std::uint64_t /*at*/) {
    hasher.update(piece.data(), piece.size());
  });
  return hasher.digest();
}

}  // namespace spot
