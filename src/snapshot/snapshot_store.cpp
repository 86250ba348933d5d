#include "snapshot/snapshot_store.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include "base/access.h"
#include "base/status.h"
#include "base/text.h"
#include "checkpoint/retention.h"

namespace spot {
namespace {

namespace fs = std::filesystem;

/// What a full disk leaves.
constexpr std::uint64_t kLeastKept = 2;

bool is_within(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

/// The directory. Throws kConfig when one of the two holds the other.
const fs::path& apart_from(const fs::path& directory, const fs::path& folder) {
  const fs::path real_directory = fs::canonical(directory);
  const fs::path real_folder = fs::weakly_canonical(fs::absolute(folder));
  if (is_within(real_directory, real_folder) || is_within(real_folder, real_directory)) {
    fail(Status::kConfig, cat("folder '", folder.string(), "' cannot be kept safe in '", directory.string(),
                              "', where its snapshots are kept, because one of the two holds the other: choose another "
                              "folder or volume"));
  }
  return directory;
}

std::uint64_t last_epoch_in(const fs::path& directory, const StopCheck& stop) {
  std::uint64_t last = 0;
  for (const Generation& generation : list_generations(directory, stop)) {
    last = std::max(last, generation.descent.writer_epoch);
  }
  return last;
}

SnapshotReport describe(SnapshotOutcome outcome, const Generation& generation, const Manifest& manifest) {
  return {.outcome = outcome,
          .path = generation.path.string(),
          .generation = generation.number,
          .extent = extent_of(manifest.entries)};
}

std::vector<RetentionCandidate> candidates_of(const std::vector<Generation>& generations) {
  std::vector<RetentionCandidate> candidates;
  for (const Generation& generation : generations) {
    // One that is damaged is restore()'s business, and no good to keep in place of another.
    if (!generation.descent.unknown) candidates.push_back({generation.name, 0, 0});
  }
  return candidates;
}

}  // namespace

SnapshotStore::SnapshotStore(const fs::path& directory, const fs::path& folder, const SnapshotOptions& options,
                             const Clock& clock, Log log, const StopCheck& stop)
    : directory_(apart_from(directory, folder)),
      directory_fd_(open_directory(directory)),
      options_(options),
      clock_(clock),
      log_(std::move(log)),
      lease_(WriterLease::acquire(directory_fd_, directory_, last_epoch_in(directory_, stop), options_.lease, clock_,
                                  log_, stop)),
      workspace_(directory_fd_, lease_, options_.lease.promise, clock_),
      live_(folder, log_),
      // Listed now that no other writer can add to them.
      next_number_(last_generation_number(directory_) + 1) {
  // Between the look at the generations and the lease, a writer whose workspace was lost may have saved.
  if (last_epoch_in(directory_, stop) > lease_.epoch()) {
    fail(Status::kFenced, cat("another writer has taken over '", directory_.string(), "'"));
  }
}

fs::path SnapshotStore::copy(const StopCheck& stop) {
  lease_.check();
  const std::int64_t start = clock_.monotonic_ns();
  discard_copy();
  with_room(
      [&] {
        const std::string name = workspace_.make_folder();
        const Fd folder(::openat(lease_.workspace().get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        int error = folder.valid() ? share_like(lease_.workspace().get(), folder.get()) : errno;
        if (error == 0 && ::mkdirat(folder.get(), kFilesName, 0700) != 0) error = errno;
        Fd files(error == 0 ? ::openat(folder.get(), kFilesName, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1);
        if (error == 0) error = files.valid() ? share_like(folder.get(), files.get()) : errno;
        if (error != 0) fail_errno("cannot make a folder for a snapshot", error);
        copy_.emplace(Copy{name, FolderCopy(std::move(files), live_.path().string()), start, 0});
      },
      stop);
  Fd earlier_files;
  std::optional<FolderCopy::Earlier> earlier;
  if (newest_) {
    earlier_files = Fd(::open((newest_->generation.path / kFilesName).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (earlier_files.valid()) earlier.emplace(FolderCopy::Earlier{earlier_files, newest_->originals});
  }
  try {
    const Fd folder = live_.open();
    with_room([&] { copy_->content.update(folder, earlier, stop, clock_, log_); }, stop);
    const bool has_file = std::ranges::any_of(
        copy_->content.tree(), [](const auto& copied) { return copied.second.original.kind == EntryKind::kFile; });
    // Such a snapshot could only take the place of better ones.
    if (!has_file) fail(Status::kNotFound, cat("'", live_.path().string(), "' holds no file to keep"));
  } catch (...) {
    discard_copy();
    lease_.check();
    throw;
  }
  copy_->took_ns = clock_.monotonic_ns() - start;
  return directory_ / workspace_name(lease_.epoch()) / copy_->name / kFilesName;
}

Manifest SnapshotStore::describe_copy() const {
  Manifest manifest{next_number_, lease_.epoch(), clock_.wall_ns(), {}};
  for (const auto& [path, copied] : copy_->content.tree()) {
    const TreeEntry& original = copied.original;
    manifest.entries.emplace(path, SavedEntry{original.kind, original.mode, original.modified_ns, original.size,
                                              copied.hash.value_or(Hash128()), original.target});
  }
  return manifest;
}

void SnapshotStore::write_manifest(const Manifest& manifest) const {
  const std::vector<std::byte> bytes = encode(manifest);
  const std::string name = cat(copy_->name, "/", kManifestName);
  ::unlinkat(lease_.workspace().get(), name.c_str(), 0);
  Fd file(::openat(lease_.workspace().get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  int error = file.valid() ? share_like(lease_.workspace().get(), file.get()) : errno;
  if (error == 0) error = write_all(file.get(), bytes.data(), bytes.size());
  if (error == 0) error = sync_file(file.get(), options_.lease.promise);
  if (error == 0) error = file.close();
  const Fd folder(::openat(lease_.workspace().get(), copy_->name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (error == 0) error = folder.valid() ? sync_folder(folder.get(), options_.lease.promise) : errno;
  if (error != 0) fail_errno(cat("cannot write the manifest of a snapshot of '", live_.path().string(), "'"), error);
}

SnapshotReport SnapshotStore::commit(const StopCheck& stop) {
  if (!copy_) fail(Status::kOrder, "there is no copy to make a snapshot of: copy the folder first");
  try {
    lease_.check();
    copy_->content.finish(options_.lease.promise, stop, clock_, log_);
    Manifest manifest = describe_copy();
    SnapshotOutcome outcome = SnapshotOutcome::kUnchanged;
    if (!newest_ || newest_->manifest.entries != manifest.entries) {
      outcome = SnapshotOutcome::kSaved;
      with_room([&] { write_manifest(manifest); }, stop);
      // A number is used up even when the commit fails: a folder of that name may have become durable all the same.
      const std::string name = generation_name(next_number_++);
      const Descent descent{false, manifest.writer_epoch, manifest.generation};
      // Before the name is there: should we be killed between the two, the folder is newer than its newest snapshot.
      mark_folder(descent);
      workspace_.publish(copy_->name, name);
      workspace_.make_names_durable(cat("snapshot '", name, "' may not be durable: cannot sync its folder"));
      whole_.insert(name);
      newest_ = {{directory_ / name, name, manifest.generation, descent}, std::move(manifest), copy_->content.tree()};
    }
    SnapshotReport done = describe(outcome, newest_->generation, newest_->manifest);
    done.bytes_copied = copy_->content.bytes_copied();
    done.copy_ns = copy_->took_ns;
    done.total_ns = clock_.monotonic_ns() - copy_->began_ns;
    discard_copy();
    prune();
    return done;
  } catch (...) {
    discard_copy();
    throw;
  }
}

void SnapshotStore::mark_folder(const Descent& descent) const {
  try {
    live_.set_mark(descent);
  } catch (const Error& error) {
    // A full disk around the folder must not keep its snapshot from the volume.
    log_.warning(cat("snapshot ", descent.generation, " will be put back even where '", live_.path().string(),
                     "' is as new: ", error.what()));
  }
}

void SnapshotStore::discard_copy() {
  if (copy_) workspace_.discard(copy_->name);
  copy_.reset();
}

void SnapshotStore::prune() {
  const std::vector<RetentionCandidate> candidates = candidates_of(list_generations(directory_, {}));
  const std::vector<std::string> names = superseded(candidates, {.keep_last = options_.keep_last, .keep_best = 0});
  // What is kept in the place of others has to be good: two of them were written or read by this process.
  const auto is_good = [&](const RetentionCandidate& candidate) { return whole_.contains(candidate.name); };
  const auto kept = static_cast<std::ptrdiff_t>(candidates.size() - names.size());
  if (std::count_if(candidates.begin(), candidates.begin() + kept, is_good) < std::ptrdiff_t{kLeastKept}) return;
  try {
    for (const std::string& name : names) workspace_.drop(name);
  } catch (const Error& error) {
    // The snapshot that was just made is durable all the same.
    log_.warning(cat("snapshots that need not be kept stay: ", error.what()));
  }
}

bool SnapshotStore::is_whole(const Generation& generation, const StopCheck& stop) {
  if (whole_.contains(generation.name)) return true;
  try {
    WorkProgress progress(cat("verifying '", generation.path.string(), "'"), stop, clock_, log_);
    verify_generation(generation.path, read_generation(generation.path, stop), progress);
  } catch (const Error& error) {
    if (error.status() == Status::kCancelled) throw;
    log_.warning(cat("'", generation.path.string(), "' is left alone: ", error.what()));
    return false;
  }
  whole_.insert(generation.name);
  return true;
}

bool SnapshotStore::make_room(const StopCheck& stop) {
  std::vector<RetentionCandidate> candidates;
  for (const Generation& generation : list_generations(directory_, stop)) {
    if (candidates.size() < kLeastKept && !is_whole(generation, stop)) continue;
    if (!generation.descent.unknown) candidates.push_back({generation.name, 0, 0});
  }
  const std::vector<std::string> names = superseded(candidates, {.keep_last = kLeastKept, .keep_best = 0});
  if (names.empty()) return false;
  log_.warning(cat("the volume is full: '", names.back(), "' is removed to make room for the next snapshot of '",
                   live_.path().string(), "'"));
  workspace_.drop(names.back());
  return true;
}

void SnapshotStore::with_room(const std::function<void()>& action, const StopCheck& stop) {
  for (;;) {
    try {
      return action();
    } catch (const Error& error) {
      // A file that may not be so large (EFBIG) finds no more room where others are removed.
      const bool is_full = error.status() == Status::kNoSpace && error.details().os_errno != EFBIG;
      if (!is_full || !make_room(stop)) throw;
    }
  }
}

void SnapshotStore::remember(Generation generation, Manifest manifest, const StopCheck& stop) {
  whole_.insert(generation.name);
  CopiedTree originals;
  for (const auto& [path, found] : scan_folder(live_.open(), stop).tree) {
    const auto saved = manifest.entries.find(path);
    const bool is_it = saved != manifest.entries.end() && saved->second.kind == found.kind &&
                       saved->second.size == found.size && saved->second.modified_ns == found.modified_ns;
    if (is_it) originals.emplace(path, CopiedEntry{found, saved->second.hash, true});
  }
  newest_ = {std::move(generation), std::move(manifest), std::move(originals)};
}

SnapshotReport SnapshotStore::restore(bool replace, const StopCheck& stop) {
  const std::int64_t start = clock_.monotonic_ns();
  lease_.check();
  std::vector<std::pair<std::string, std::string>> bad;  // names, and why
  for (Generation& generation : list_generations(directory_, stop)) {
    try {
      Manifest manifest = read_generation(generation.path, stop);
      SnapshotReport done = describe(SnapshotOutcome::kKept, generation, manifest);
      if (replace || live_.is_empty() || !live_.is_as_new_as(generation.descent)) {
        WorkProgress progress(cat("putting '", generation.path.string(), "' back"), stop, clock_, log_);
        done.outcome = SnapshotOutcome::kRestored;
        done.moved_to = live_.replace_by(generation.path, manifest, progress);
        remember(std::move(generation), std::move(manifest), stop);
      }
      for (const auto& [name, why] : bad) {
        workspace_.set_aside(name);
        log_.error(cat("set aside as '", set_aside_name(name), "': ", why));
      }
      done.total_ns = clock_.monotonic_ns() - start;
      return done;
    } catch (const Error& error) {
      if (error.status() == Status::kNotFound) continue;  // somebody removed it
      if (error.status() != Status::kCorrupt) throw;
      bad.emplace_back(generation.name, error.what());
    }
  }
  const std::size_t set_aside_before = list_set_aside(directory_).size();
  if (bad.empty() && set_aside_before == 0) return {};
  fail(Status::kCorrupt, cat("none of the ", bad.size() + set_aside_before, " snapshots in '", directory_.string(),
                             "' is whole", bad.empty() ? "" : cat(" (", bad.front().second, ")"),
                             ": bring one back from a copy of the volume, or move them away to start over"));
}

}  // namespace spot
