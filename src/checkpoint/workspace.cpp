#include "checkpoint/workspace.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <sys/stat.h>

#include "base/access.h"
#include "base/remove_tree.h"
#include "base/status.h"
#include "base/text.h"
#include "checkpoint/checkpoint_file.h"

// The commit protocol, and the reason of each step:
//  1. A file in the workspace, never under its final name: a half-written checkpoint is nobody's checkpoint. It is
//     opened O_NOFOLLOW, and a new one O_EXCL, so that nothing of somebody else's is written to.
//  2. A recycled file has its blocks: no allocation, no extents to convert, no metadata to journal. A new one gets
//     them at once, so that a full disk is noticed before anything is written. The disk is told to begin with each
//     stretch as soon as it is written, while the next is encoded; O_DIRECT and a second thread were measured to be
//     no faster (tests/bench/README.md).
//  3. fdatasync of the file before it has its name: a name that survives a power cut must not have less than its
//     bytes. (fsync would only add the time stamps, at the price of a journal commit.) Never tried again: after an
//     error the kernel has marked the pages clean, and a second one would report success for data that is gone.
//  4. close, checked: network file systems report a failed write here at the latest.
//  5. rename without replacing: a file of that name is another writer's, and no one's to replace.
//  6. fsync of the folder: the name is durable only with its folder. When it fails nobody knows what a power cut
//     would leave, so nothing is acknowledged and nothing older is removed.
// Afterwards a superseded checkpoint is renamed into the workspace, to be written over by a later save. Its leaving the
// folder must be durable before that; otherwise a power cut could bring the old name back on top of half a new content.
// The sync of the folder that makes it so is step 6 of the next save, unless there is time for one of its own: between
// two saves that follow each other at once a file is "recycled", left alone, and the save is written to another one.
// That costs no sync, and one file more for that while: the workspace never holds more than one recycled and one spare
// file (or, instead of the spare one, the save in progress).
//
// On a file system that lacks step 6 (key durability) nothing recycled is ever written over.

namespace spot {
namespace {

constexpr std::size_t kZeroPiece = std::size_t{1} << 20;
constexpr int kNewFile = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;

/// A file of the workspace that is written for the first time. errno says why it is not valid.
Fd create(const Fd& workspace, const std::string& name) {
  Fd fd(::openat(workspace.get(), name.c_str(), kNewFile, 0600));
  const int error = fd.valid() ? share_like(workspace.get(), fd.get()) : errno;
  if (error == 0) return fd;
  if (fd.valid()) ::unlinkat(workspace.get(), name.c_str(), 0);
  errno = error;
  return {};
}

int reserve(const Fd& fd, std::size_t size) {
  int error = 0;
  do {
    error = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size));
  } while (error == EINTR);
  // File systems without the call notice a full disk later.
  return error == EOPNOTSUPP || error == EINVAL ? 0 : error;
}

}  // namespace

SaveFile::SaveFile(const Fd& workspace, std::string name, Fd fd, bool recycled, const CommitPromise& promise,
                   const Clock& clock)
    : workspace_(workspace),
      name_(std::move(name)),
      fd_(std::move(fd)),
      recycled_(recycled),
      promise_(promise),
      clock_(clock) {}

SaveFile::~SaveFile() {
  if (!name_.empty()) ::unlinkat(workspace_.get(), name_.c_str(), 0);
}

void SaveFile::check(int error, const char* what) const {
  const char* remedy = error == EFBIG ? " (see ulimit -f)" : "";
  if (error != 0) fail_errno(cat("cannot ", what, " checkpoint file '", name_, "'", remedy), error);
}

void SaveFile::begin(std::span<const std::byte> image) {
  const std::int64_t start = clock_.monotonic_ns();
  image_ = image;
  struct stat info {};
  if (recycled_) check(::fstat(fd_.get(), &info) == 0 ? 0 : errno, "examine");
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size > image.size()) check(::ftruncate(fd_.get(), static_cast<off_t>(image.size())) == 0 ? 0 : errno, "shorten");
  if (size < image.size()) check(reserve(fd_, image.size()), "reserve space for");
  write_ns_ += clock_.monotonic_ns() - start;
}

void SaveFile::ready(std::size_t begin, std::size_t end) {
  const std::int64_t start = clock_.monotonic_ns();
  check(write_all_at(fd_.get(), image_.data() + begin, end - begin, begin), "write");
  // Only a hint: an error of the disk is make_durable()'s to report.
  ::sync_file_range(fd_.get(), static_cast<off_t>(begin), static_cast<off_t>(end - begin), SYNC_FILE_RANGE_WRITE);
  write_ns_ += clock_.monotonic_ns() - start;
}

void SaveFile::make_durable() {
  check(sync_file(fd_.get(), promise_), "make durable");
  check(fd_.close(), "close");
}

Workspace::Workspace(const Fd& folder, const WriterLease& lease, const CommitPromise& promise, const Clock& clock)
    : folder_(folder), lease_(lease), promise_(promise), clock_(clock) {}

Workspace::~Workspace() {
  release();
}

bool Workspace::release() {
  const bool had_some = files() > 0;
  for (auto* names : {&spares_, &recycled_}) {
    for (const std::string& name : *names) discard(name);
    names->clear();
  }
  return had_some;
}

void Workspace::discard(const std::string& own_name) const {
  remove_tree(lease_.workspace(), own_name);
}

SaveFile Workspace::open_save_file() {
  const int workspace = lease_.workspace().get();
  while (!spares_.empty()) {
    std::string name = std::move(spares_.back());
    spares_.pop_back();
    Fd fd(::openat(workspace, name.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (fd.valid()) return {lease_.workspace(), std::move(name), std::move(fd), true, promise_, clock_};
    if (errno == ENOENT) lease_.check();
    discard(name);
  }
  std::string name = next_name();
  Fd fd = create(lease_.workspace(), name);
  if (!fd.valid()) fail_rename(errno, cat("create checkpoint file '", name, "'"));
  return {lease_.workspace(), std::move(name), std::move(fd), false, promise_, clock_};
}

void Workspace::fail_rename(int error, const std::string& what) const {
  // A file of ours can be missing only when our workspace is; a network file system says ESTALE then, and may show the
  // folder for a while yet.
  if (error == ESTALE) lease_.fail_lost();
  if (error == ENOENT) lease_.check();
  fail_errno(cat("cannot ", what), error);
}

std::string Workspace::make_folder() {
  std::string name = next_name();
  if (::mkdirat(lease_.workspace().get(), name.c_str(), 0700) != 0) {
    fail_rename(errno, cat("create folder '", name, "'"));
  }
  return name;
}

void Workspace::publish(SaveFile& file, const std::string& name) {
  Publishing how{};
  int error = publish_name(lease_.workspace().get(), file.name(), folder_.get(), name, promise_, how);
  // Of a link the workspace keeps the other name, which is removed with `file`.
  if (error == 0 && how == Publishing::kRenamed) file.release();
  if (error != 0) fail_publish(error, name);
}

void Workspace::publish(const std::string& own_name, const std::string& name) {
  // A folder that is not empty is never replaced, on whatever file system.
  CommitPromise promise = promise_;
  promise.no_replace = false;
  Publishing how{};
  const int error = publish_name(lease_.workspace().get(), own_name, folder_.get(), name, promise, how);
  if (error != 0) fail_publish(error, name);
}

void Workspace::fail_publish(int error, const std::string& name) const {
  if (error == EEXIST || error == ENOTEMPTY) {
    fail(Status::kFenced, cat("'", name, "' exists already: another writer uses this volume; stop one of the two"),
         {.os_errno = error});
  }
  fail_rename(error, cat("give '", name, "' its name"));
}

void Workspace::make_names_durable(const std::string& what) {
  std::vector<std::string> recycled;
  recycled.swap(recycled_);
  const int error = sync_folder(folder_.get(), promise_);
  for (std::string& name : recycled) {
    struct stat info {};
    // One is enough. A second name means that somebody else still wants the content. After a failed sync, which is not
    // tried again (see above), none is written over.
    const bool usable = error == 0 && promise_.folder_sync && spares_.empty() &&
                        ::fstatat(lease_.workspace().get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
                        S_ISREG(info.st_mode) && info.st_nlink == 1;
    if (usable) {
      spares_.push_back(std::move(name));
    } else {
      discard(name);
    }
  }
  if (error != 0) fail_errno(what, error);
}

bool Workspace::take_out(const std::string& name, const std::string& own_name) {
  if (::renameat(folder_.get(), name.c_str(), lease_.workspace().get(), own_name.c_str()) == 0) return true;
  const int error = errno;
  lease_.check();
  if (error == ENOENT) return false;
  fail_errno(cat("cannot take '", name, "' out of its folder"), error);
}

void Workspace::recycle(const std::string& name) {
  std::string own_name = next_name();
  if (!take_out(name, own_name)) return;
  recycled_.push_back(std::move(own_name));
  if (recycled_.size() == 1) return;
  discard(recycled_.front());
  recycled_.erase(recycled_.begin());
}

void Workspace::make_recycling_durable() {
  if (!recycled_.empty()) make_names_durable("cannot sync the folder");
}

void Workspace::prepare_spare(std::size_t size, const StopCheck& stop) {
  if (!spares_.empty() || !recycled_.empty()) return;
  const std::string name = next_name();
  Fd fd = create(lease_.workspace(), name);
  if (!fd.valid()) fail_rename(errno, "create a spare file");
  // Written, not only reserved: blocks that were never written cost a change of metadata at their first write.
  const std::vector<std::byte> zeros(std::min(size, kZeroPiece));
  int error = reserve(fd, size);
  for (std::size_t at = 0; at < size && error == 0 && !stop(); at += zeros.size()) {
    error = write_all_at(fd.get(), zeros.data(), std::min(zeros.size(), size - at), at);
  }
  if (error == 0 && !stop()) error = sync_file(fd.get(), promise_);
  if (error == 0) error = fd.close();
  if (error != 0) {
    discard(name);
    fail_errno("cannot prepare a spare file", error);
  }
  spares_.push_back(name);
}

void Workspace::remove(const std::string& name) {
  const std::string own_name = next_name();
  if (!take_out(name, own_name)) return;
  discard(own_name);
  const int error = sync_folder(folder_.get(), promise_);
  if (error != 0) fail_errno("cannot sync the folder", error);
}

void Workspace::drop(const std::string& name) {
  const std::string own_name = next_name();
  if (take_out(name, own_name)) discard(own_name);
}

void Workspace::set_aside(const std::string& name) {
  const std::string aside = set_aside_name(name);
  if (!take_out(name, aside)) return;
  if (::renameat(lease_.workspace().get(), aside.c_str(), folder_.get(), aside.c_str()) != 0) {
    fail_rename(errno, cat("rename what is damaged to '", aside, "'"));
  }
}

}  // namespace spot
