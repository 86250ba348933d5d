#include "snapshot/folder_copy.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <thread>
#include <unistd.h>

#include <sys/stat.h>

#include "base/access.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

/// A folder that is written to all the time has no moment to be copied at.
constexpr int kAttempts = 5;

bool is_same(const Tree& before, const Tree& after) {
  return std::ranges::equal(before, after, [](const auto& a, const auto& b) {
    return a.first == b.first && is_unchanged(a.second, b.second);
  });
}

/// A change within the same tick of the clock that stamps files would leave no trace.
bool is_too_fresh(const Tree& tree) {
  const std::int64_t now = stamp_clock_ns();
  return std::ranges::any_of(tree, [&](const auto& entry) {
    const std::int64_t age = now - entry.second.stamp.changed_ns;
    return entry.second.kind == EntryKind::kFile && age < kStampTick && age > -kStampTick;
  });
}

Scan look_at(const Fd& folder, const StopCheck& stop) {
  Scan scan = scan_folder(folder, stop);
  if (!is_too_fresh(scan.tree)) return scan;
  std::this_thread::sleep_for(std::chrono::nanoseconds(kStampTick));
  return scan_folder(folder, stop);
}

}  // namespace

void FolderCopy::update(const Fd& from, const std::optional<Earlier>& earlier, const StopCheck& stop,
                        const Clock& clock, const Log& log) {
  WorkProgress progress(cat("copying '", name_, "'"), stop, clock, log);
  Scan before = look_at(from, stop);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    drop_changed(before.tree);
    add_missing(from, before.tree, earlier, progress);
    Scan after = look_at(from, stop);
    if (is_same(before.tree, after.tree) && tree_.size() == after.tree.size()) return tell_left_out(after, log);
    before = std::move(after);
  }
  fail(Status::kBusy, cat("'", name_, "' is written to all the time: it changed in each of ", kAttempts,
                          " attempts to copy it; let what writes there pause, or choose a folder that holds "
                          "checkpoints alone"));
}

void FolderCopy::tell_left_out(const Scan& scan, const Log& log) {
  for (const std::string& what : scan.left_out) {
    if (told_.insert(what).second) log.warning(cat("snapshots of '", name_, "' leave out ", what));
  }
}

void FolderCopy::drop_changed(const Tree& tree) {
  // From the end: what is in a folder goes before it.
  for (auto copied = tree_.end(); copied != tree_.begin();) {
    --copied;
    const auto found = tree.find(copied->first);
    if (found != tree.end() && is_unchanged(copied->second.original, found->second)) {
      copied->second.original.modified_ns = found->second.modified_ns;  // of a folder
      continue;
    }
    const int flags = copied->second.original.kind == EntryKind::kFolder ? AT_REMOVEDIR : 0;
    ::unlinkat(to_.get(), copied->first.c_str(), flags);
    copied = tree_.erase(copied);
  }
}

void FolderCopy::add_missing(const Fd& from, const Tree& tree, const std::optional<Earlier>& earlier,
                             WorkProgress& progress) {
  for (const auto& [path, original] : tree) {
    progress.check();
    if (tree_.contains(path)) continue;
    CopiedEntry entry{original, {}, false};
    bool done = true;
    if (original.kind == EntryKind::kFile) {
      done = (earlier && link_earlier(path, entry, *earlier)) || copy_file(from, path, entry, progress);
    } else {
      const int result = original.kind == EntryKind::kFolder
                             ? ::mkdirat(to_.get(), path.c_str(), 0700)
                             : ::symlinkat(original.target.c_str(), to_.get(), path.c_str());
      if (result != 0 && errno != ENOENT) fail_errno(cat("cannot copy '", path, "'"), errno);
      done = result == 0;
    }
    // What is in a folder is shared as the folder around it is.
    if (done && original.kind == EntryKind::kFolder) {
      const Fd made(::openat(to_.get(), path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (const int error = made.valid() ? share_like(to_.get(), made.get()) : errno) {
        fail_errno(cat("cannot copy '", path, "'"), error);
      }
    }
    if (done) tree_.emplace(path, std::move(entry));
  }
}

bool FolderCopy::link_earlier(const std::string& path, CopiedEntry& entry, const Earlier& earlier) const {
  const auto found = earlier.tree.find(path);
  if (found == earlier.tree.end() || !is_unchanged(found->second.original, entry.original)) return false;
  if (::linkat(earlier.folder.get(), path.c_str(), to_.get(), path.c_str(), 0) != 0) return false;
  entry.hash = found->second.hash;
  entry.is_durable = true;
  return true;
}

bool FolderCopy::copy_file(const Fd& from, const std::string& path, CopiedEntry& entry, WorkProgress& progress) {
  const Fd source(::openat(from.get(), path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!source.valid() && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return false;
  if (!source.valid()) fail_path(cat("cannot open '", name_, "/", path, "'"), errno, name_ + "/" + path);
  struct stat info {};
  if (::fstat(source.get(), &info) != 0) fail_errno(cat("cannot examine '", name_, "/", path, "'"), errno);
  if (!S_ISREG(info.st_mode)) return false;
  Fd copy(::openat(to_.get(), path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!copy.valid() && errno == ENOENT) return false;  // its folder was not copied
  const int error = copy.valid() ? share_like(to_.get(), copy.get()) : errno;
  try {
    if (error != 0) fail_errno(cat("cannot copy '", path, "'"), error);
    if (!clone_content(source.get(), copy.get())) {
      entry.hash = copy_content(source.get(), copy.get(), path, progress);
    }
  } catch (...) {
    ::unlinkat(to_.get(), path.c_str(), 0);
    throw;
  }
  bytes_copied_ += entry.original.size;
  return true;
}

void FolderCopy::finish(const CommitPromise& promise, const StopCheck& stop, const Clock& clock, const Log& log) {
  WorkProgress progress(cat("making the snapshot of '", name_, "' durable"), stop, clock, log);
  // From the end: what is in a folder goes before it.
  for (auto copied = tree_.end(); copied != tree_.begin();) {
    --copied;
    auto& [path, entry] = *copied;
    if (entry.original.kind == EntryKind::kLink || entry.is_durable) continue;
    progress.check();
    const bool is_folder = entry.original.kind == EntryKind::kFolder;
    const Fd file(::openat(to_.get(), path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file.valid()) fail_errno(cat("cannot open the copy of '", path, "'"), errno);
    if (!is_folder && !entry.hash) entry.hash = hash_content(file.get(), path, progress);
    const int error = is_folder ? sync_folder(file.get(), promise) : sync_file(file.get(), promise);
    if (error != 0) fail_errno(cat("cannot make the copy of '", path, "' durable"), error);
  }
  if (const int error = sync_folder(to_.get(), promise)) {
    fail_errno(cat("cannot make the snapshot of '", name_, "' durable"), error);
  }
}

}  // namespace spot
