#include "snapshot/restore.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <sys/stat.h>

#include "base/access.h"
#include "base/remove_tree.h"
#include "base/status.h"
#include "base/text.h"
#include "snapshot/generation.h"

namespace spot {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMarkName = ".spot-snapshot";
constexpr const char* kNewMarkName = ".spot-snapshot-new";
constexpr const char* kRestoreName = ".spot-restore";
constexpr const char* kCopying = ".spot-restore/copying";
constexpr const char* kWhole = ".spot-restore/whole";
constexpr const char* kReady = ".spot-restore/ready";
constexpr unsigned kByUmaskFolder = 0777;

Fd open_in(const Fd& folder, const char* name) {
  return Fd(::openat(folder.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

Fd make_and_open(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);  // what is there already, open_file() says
  return open_file(path, O_RDONLY | O_DIRECTORY);
}

std::vector<std::string> content_of(const Fd& folder) {
  std::vector<std::string> names = entry_names(folder);
  std::erase_if(names, [](const std::string& name) { return is_left_alone(name); });
  return names;
}

timespec time_of(std::int64_t ns) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  // Rounded down, for times before 1970 too.
  const std::int64_t seconds = ns / kSecond - (ns % kSecond < 0 ? 1 : 0);
  return {.tv_sec = seconds, .tv_nsec = ns - seconds * kSecond};
}

void set_times(const Fd& folder, const std::string& path, std::int64_t modified_ns) {
  const std::array<timespec, 2> times = {timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, time_of(modified_ns)};
  ::utimensat(folder.get(), path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW);
}

/// Returns errno.
int write_mark(const Fd& folder, const Descent& descent) {
  const std::string text = cat(descent.writer_epoch, " ", descent.generation, "\n");
  ::unlinkat(folder.get(), kNewMarkName, 0);
  Fd file(::openat(folder.get(), kNewMarkName, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kByUmask));
  int error = file.valid() ? write_all(file.get(), text.data(), text.size()) : errno;
  if (error == 0 && ::fdatasync(file.get()) != 0) error = errno;
  if (error == 0) error = file.close();
  if (error == 0 && ::renameat(folder.get(), kNewMarkName, folder.get(), kMarkName) != 0) error = errno;
  return error;
}

}  // namespace

LiveFolder::LiveFolder(const fs::path& path, const Log& log) : folder_(make_and_open(path)) {
  path_ = fs::canonical(path);
  remove_tree(folder_, kCopying);
  finish_replacing();
  if (!moved_to_.empty()) {
    log.warning(cat("what was in '", path_.string(), "' before its snapshot was put back is now in '", moved_to_, "'"));
  }
}

bool LiveFolder::is_empty() const {
  return content_of(folder_).empty();
}

bool LiveFolder::is_as_new_as(const Descent& descent) const {
  constexpr std::uint64_t kMaxSize = 256;
  try {
    const auto words = split(trim(read_text_file(path_ / kMarkName, kMaxSize, Links::kRefuse)), ' ');
    if (words.size() != 2) return false;
    const auto epoch = parse_number<std::uint64_t>(words[0]), generation = parse_number<std::uint64_t>(words[1]);
    return epoch && generation && Descent{false, *epoch, *generation} >= descent;
  } catch (const Error&) {  // there is none
    return false;
  }
}

void LiveFolder::set_mark(const Descent& descent) const {
  if (const int error = write_mark(open(), descent)) {
    fail_path(cat("cannot write '", (path_ / kMarkName).string(), "'"), error, path_);
  }
}

std::string LiveFolder::replace_by(const fs::path& generation, const Manifest& manifest, WorkProgress& progress) {
  const auto fail_to_begin = [&] {
    fail_path(cat("cannot put a snapshot back into '", path_.string(), "'"), errno, path_);
  };
  if (::mkdirat(folder_.get(), kRestoreName, 0700) != 0 && errno != EEXIST) fail_to_begin();
  if (::mkdirat(folder_.get(), kCopying, 0700) != 0) fail_to_begin();
  try {
    copy(generation, manifest, open_in(folder_, kCopying), progress);
    if (::renameat(folder_.get(), kCopying, folder_.get(), kWhole) != 0) fail_to_begin();
    finish_replacing();
  } catch (...) {
    remove_tree(folder_, kCopying);
    ::unlinkat(folder_.get(), kRestoreName, AT_REMOVEDIR);
    throw;
  }
  return moved_to_;
}

void LiveFolder::copy(const fs::path& generation, const Manifest& manifest, const Fd& to,
                      WorkProgress& progress) const {
  const auto check = [&](int result, const std::string& path) {
    if (result < 0) fail_errno(cat("cannot put '", printable(path), "' back into '", path_.string(), "'"), errno);
  };
  for (const auto& [path, entry] : manifest.entries) {
    progress.check();
    if (entry.kind == EntryKind::kFolder) {
      check(::mkdirat(to.get(), path.c_str(), 0700), path);
    } else if (entry.kind == EntryKind::kLink) {
      check(::symlinkat(entry.target.c_str(), to.get(), path.c_str()), path);
    } else {
      const Fd saved = open_saved_file(generation, path, entry);
      Fd file(::openat(to.get(), path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
      check(file.get(), path);
      // Of the copy: what is verified is what will be read.
      const Hash128 hash = clone_content(saved.get(), file.get())
                               ? hash_content(file.get(), path, progress)
                               : copy_content(saved.get(), file.get(), path, progress);
      if (hash != entry.hash) fail_changed(generation, path);
      check(::fchmod(file.get(), entry.mode), path);
      check(::fdatasync(file.get()), path);
      if (const int error = file.close()) fail_errno(cat("cannot close '", printable(path), "'"), error);
    }
  }
  // From the end: a folder's times and rights are set once all is in it.
  for (auto entry = manifest.entries.rbegin(); entry != manifest.entries.rend(); ++entry) {
    const auto& [path, saved] = *entry;
    // A folder that its owner may not write to could not be moved.
    if (saved.kind == EntryKind::kFolder) check(::fchmodat(to.get(), path.c_str(), saved.mode | S_IRWXU, 0), path);
    set_times(to, path, saved.modified_ns);
  }
  // It moves into the folder together with the rest.
  errno = write_mark(to, {false, manifest.writer_epoch, manifest.generation});
  check(errno == 0 ? 0 : -1, kMarkName);
}

void LiveFolder::finish_replacing() {
  if (open_in(folder_, kWhole).valid()) {
    move_out();
    if (::renameat(folder_.get(), kWhole, folder_.get(), kReady) != 0) {
      fail_errno(cat("cannot rename '", (path_ / kWhole).string(), "'"), errno);
    }
  }
  const Fd ready = open_in(folder_, kReady);
  if (ready.valid()) {
    for (const std::string& name : entry_names(ready)) {
      if (::renameat(ready.get(), name.c_str(), folder_.get(), name.c_str()) == 0) continue;
      fail_errno(cat("cannot rename '", (path_ / kReady / name).string(), "' to '", (path_ / name).string(), "'"),
                 errno);
    }
    ::unlinkat(folder_.get(), kReady, AT_REMOVEDIR);
  }
  ::unlinkat(folder_.get(), kRestoreName, AT_REMOVEDIR);
}

void LiveFolder::move_out() {
  const std::vector<std::string> names = content_of(folder_);
  if (names.empty()) return;
  fs::path beside;
  int result = -1;
  for (int number = 1; result != 0; ++number) {
    beside = cat(path_.string(), ".replaced-", number);
    result = ::mkdir(beside.c_str(), kByUmaskFolder);
    if (result != 0 && errno != EEXIST) break;
  }
  const Fd to(result == 0 ? ::open(beside.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1);
  bool has_moved = false;
  for (const std::string& name : names) {
    if (to.valid() && ::renameat(folder_.get(), name.c_str(), to.get(), name.c_str()) == 0) {
      has_moved = true;
      continue;
    }
    const int error = errno;
    if (!has_moved) {  // nothing has happened yet
      ::rmdir(beside.c_str());
      ::renameat(folder_.get(), kWhole, folder_.get(), kCopying);
    }
    fail_path(cat("'", path_.string(), "' holds something older than its snapshot, which cannot be moved to '",
                  beside.string(), "': move it away and start again"),
              error, beside);
  }
  moved_to_ = beside.string();
}

}  // namespace spot
