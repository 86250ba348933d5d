#include "checkpoint/store.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <iterator>
#include <limits>
#include <new>
#include <span>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/free_space.h"
#include "base/status.h"
#include "base/text.h"
#include "checkpoint/checkpoint_file.h"
#include "checkpoint/decoder.h"
#include "checkpoint/restore_attempts.h"
#include "checkpoint/trailer.h"

namespace spot {
namespace {

/// What a full disk leaves of a run: the last two, the best, and those that are kept for ever.
constexpr std::uint64_t kLeastKept = 2;

Retention least_of(Retention retention) {
  retention.keep_last = kLeastKept;
  retention.keep_best = std::min<std::uint64_t>(retention.keep_best, 1);
  return retention;
}

Fd create_and_open(const std::filesystem::path& directory) {
  make_directory(directory);
  return open_directory(directory);
}

}  // namespace

CheckpointStore::CheckpointStore(const std::filesystem::path& directory, const StoreOptions& options,
                                 const Clock& clock, Log log, const StopCheck& stop)
    : directory_(directory),
      directory_fd_(create_and_open(directory)),
      wanted_(options.retention),
      retention_(wanted_),
      not_promised_(options.lease.promise.left_out()),
      values_(options.values),
      clock_(clock),
      log_(std::move(log)),
      lease_(acquire_lease(options, stop)),
      workspace_(directory_fd_, lease_, options.lease.promise, clock_),
      // Listed now that no other writer can add to them.
      next_generation_(last_generation(directory_) + 1) {
  // Between the look at the files and the lease, a writer whose workspace was lost may have saved.
  if (last_writer_epoch(directory_) > lease_.epoch()) {
    fail(Status::kFenced, cat("another writer has taken over '", directory_.string(), "'"));
  }
}

WriterLease CheckpointStore::acquire_lease(const StoreOptions& options, const StopCheck& stop) const {
  return WriterLease::acquire(directory_fd_, directory_, last_writer_epoch(directory_, stop), options.lease, clock_,
                              log_, stop, [&] { return remove_oldest(stop); });
}

bool CheckpointStore::remove_oldest(const StopCheck& stop) const {
  std::vector<RetentionCandidate> candidates;
  std::string run_id;
  for (const StoredFile& file : list_by_lineage(directory_, stop)) {
    if (!run_id.empty()) {
      const auto meta = glance_at_checkpoint(file.path);
      if (meta && meta->run_id != run_id) continue;
    }
    MaybeKnown known;
    examine(file.path, known, stop);
    // A damaged one, or one that recovery would object to, is no good to keep in place of another.
    if (!known || !known->resumable) continue;
    if (run_id.empty()) run_id = known->run_id;
    if (known->run_id == run_id) candidates.push_back({file.path.filename().string(), known->step, known->accuracy});
  }
  const std::vector<std::string> names = superseded(candidates, least_of(wanted_));
  // By its own name: nobody lives who could be hindered by it, and there is no workspace yet to rename it into.
  if (names.empty() || ::unlinkat(directory_fd_.get(), names.back().c_str(), 0) != 0) return false;
  log_.warning(cat("the volume is full: '", names.back(), "' is removed to make room for a writer's folder"));
  return true;
}

SaveReport CheckpointStore::commit(CheckpointMeta meta, const StateReader& state) {
  lease_.check();
  keep_bound(meta.run_id);
  for (;;) {
    try {
      return try_to_commit(meta, state);
    } catch (const Error& error) {
      // A file that may not be so large (EFBIG) finds no more room where others are removed.
      const bool full = error.status() == Status::kNoSpace && error.details().os_errno != EFBIG;
      // Nor does one that has its name already: that the folder could not be synced is no lack of room for the file,
      // and until the name is durable nothing older is removed.
      if (!full || is_doubtful(meta.generation) || !make_room(meta)) throw;
    }
  }
}

SaveReport CheckpointStore::try_to_commit(CheckpointMeta& meta, const StateReader& state) {
  const std::int64_t start = clock_.monotonic_ns();
  // A generation is used up even when its commit fails: a file of that name may have become durable all the same.
  meta.generation = next_generation_++;
  meta.writer_epoch = lease_.epoch();
  SaveFile file = workspace_.open_save_file();
  const EncodedCheckpoint content = encoder_.encode(meta, state, &file, values_);
  const std::int64_t written = clock_.monotonic_ns();
  file.make_durable();
  const std::string name = checkpoint_file_name(meta.step, meta.generation);
  workspace_.publish(file, name);
  doubtful_[name] = meta.generation;
  workspace_.make_names_durable(cat("checkpoint '", name, "' may not be durable: cannot sync its folder"));
  doubtful_.erase(name);
  durable_generation_ = meta.generation;
  const std::int64_t durable = clock_.monotonic_ns();
  known_[name] = describe(meta);
  file_bytes_ = content.image.size();
  return {.path = (directory_ / name).string(),
          .step = meta.step,
          .generation = meta.generation,
          .bytes = content.image.size(),
          .encode_ns = written - start - file.write_ns(),
          .write_ns = file.write_ns(),
          .fsync_ns = durable - written,
          .durable_ns = durable - start,
          .durable_at_ns = durable,
          .not_promised = not_promised_};
}

CheckpointStore::Known CheckpointStore::describe(const CheckpointMeta& meta) {
  Known known{meta.run_id, meta.step, std::numeric_limits<double>::quiet_NaN()};
  // The accuracy of the state in this very checkpoint: known when an epoch ended with it.
  if (!meta.history.empty() && meta.history.back().step == meta.step) {
    const SavedEpoch& record = meta.history.back();
    known.accuracy = std::isnan(record.validation_accuracy) ? record.test_accuracy : record.validation_accuracy;
  }
  return known;
}

void CheckpointStore::examine(const std::filesystem::path& path, MaybeKnown& known, const StopCheck& stop) const {
  try {
    const Checkpoint checkpoint = load_checkpoint(path, Links::kRefuse, stop);
    Known found = describe(checkpoint.meta);
    found.resumable = objection_to(checkpoint).empty();
    known = std::move(found);
  } catch (const Error& error) {
    if (error.status() == Status::kCancelled) throw;
    known.reset();
    log_.warning(cat("retention leaves '", path.string(), "' alone: ", error.what()));
  }
}

CheckpointStore::MaybeKnown& CheckpointStore::glance_at(const std::filesystem::path& path) {
  const auto [found, is_new] = known_.try_emplace(path.filename().string());
  if (!is_new) return found->second;
  if (const auto meta = glance_at_checkpoint(path)) {
    Known known = describe(*meta);
    known.verified = false;
    found->second = std::move(known);
  } else {
    examine(path, found->second, {});
  }
  return found->second;
}

std::optional<std::vector<RetentionCandidate>> CheckpointStore::candidates_of(const std::string& run_id,
                                                                              const StopCheck& stop) {
  const std::vector<StoredFile> files = list_by_lineage(directory_);
  for (;;) {
    std::vector<RetentionCandidate> candidates, objectionable;
    for (const StoredFile& file : files) {
      std::string name = file.path.filename().string();
      if (doubtful_.contains(name)) continue;
      // Files of an earlier process have to be looked at; what was is known the next time.
      if (!known_.contains(name) && stop && stop()) return std::nullopt;
      const MaybeKnown& known = glance_at(file.path);
      // A damaged one is recovery's business, and no good to keep in place of another.
      if (!known || known->run_id != run_id) continue;
      if (known->resumable) {
        candidates.push_back({std::move(name), known->step, known->accuracy});
      } else {
        objectionable.push_back({std::move(name), known->step, std::numeric_limits<double>::quiet_NaN()});
      }
    }
    std::ranges::move(objectionable, std::back_inserter(candidates));
    // Whatever is removed is so because these are kept, so they have to be good.
    const std::vector<std::string> others =
        superseded(candidates, {.keep_last = retention_.keep_last, .keep_best = retention_.keep_best});
    bool is_news = false;
    for (const RetentionCandidate& candidate : candidates) {
      MaybeKnown& known = known_[candidate.name];
      if (known->verified || std::ranges::find(others, candidate.name) != others.end()) continue;
      try {
        examine(directory_ / candidate.name, known, stop);
      } catch (const Error&) {  // stopped
        return std::nullopt;
      }
      is_news = true;
    }
    if (!is_news) return candidates;
  }
}

bool CheckpointStore::recycle_superseded(const std::string& run_id, const StopCheck& stop) {
  const auto candidates = candidates_of(run_id, stop);
  if (!candidates) return false;
  for (const std::string& name : superseded(*candidates, retention_)) {
    workspace_.recycle(name);
    known_.erase(name);
  }
  return true;
}

void CheckpointStore::drop_doubtful(std::uint64_t before_generation) {
  for (auto next = doubtful_.begin(); next != doubtful_.end();) {
    const auto doubtful = next++;
    if (doubtful->second >= before_generation) continue;
    // Never recycled: nobody knows whether its name is on the disk.
    workspace_.drop(doubtful->first);
    doubtful_.erase(doubtful);
  }
}

void CheckpointStore::keep_bound(const std::string& run_id) {
  const auto is_over = [&] {
    std::uint64_t files = workspace_.files() + (workspace_.has_spare() ? 0 : 1);  // with the one of this save
    for (const std::string& name : entry_names(directory_fd_)) {
      const auto file = parse_checkpoint_file_name(name);
      if (!file || (wanted_.keep_every != 0 && file->step % wanted_.keep_every == 0)) continue;
      const auto known = known_.find(name);
      const bool ours = known == known_.end() || (known->second && known->second->run_id == run_id);
      if (ours) ++files;
    }
    return files > wanted_.keep_last + wanted_.keep_best + kFilesBeside;
  };
  if (!is_over()) return;
  recycle_superseded(run_id, {});
  // Saves whose names could not be made durable are none that the keys speak of: only the newest of them stays.
  while (doubtful_.size() > 1 && is_over()) {
    workspace_.drop(doubtful_.begin()->first);
    doubtful_.erase(doubtful_.begin());
  }
}

bool CheckpointStore::is_doubtful(std::uint64_t generation) const {
  return std::ranges::any_of(doubtful_, [&](const auto& doubtful) { return doubtful.second == generation; });
}

bool CheckpointStore::make_room(const CheckpointMeta& meta) {
  bool freed = workspace_.release();
  freed = !doubtful_.empty() || freed;
  drop_doubtful(kMaxGeneration);
  const std::vector<RetentionCandidate> candidates = *candidates_of(meta.run_id, {});
  std::vector<std::string> names = superseded(candidates, retention_);
  if (names.empty() && !freed) {
    // Fewer than the keys keep, one at a time: never the last two, the best, nor those that are kept for ever.
    Retention least = least_of(wanted_);
    names = superseded(candidates, least);
    if (names.empty() && !candidates.empty() && !known_[candidates.back().name]->resumable) {
      names =
          superseded(std::span(candidates).last(1), {.keep_last = 0, .keep_best = 0, .keep_every = wanted_.keep_every});
    }
    if (names.empty()) return false;
    names.erase(names.begin(), names.end() - 1);
    const auto oldest = std::find_if(candidates.begin(), candidates.end(),
                                     [&](const RetentionCandidate& candidate) { return candidate.name == names[0]; });
    // Later saves are then written over one that this one supersedes, instead of looking for room again.
    least.keep_last = std::max<std::uint64_t>(kLeastKept, static_cast<std::uint64_t>(oldest - candidates.begin()));
    retention_ = least;
    log_.warning(cat("the volume is full: '", names[0], "' is removed to make room for the checkpoint of step ",
                     meta.step, ", although keep_last=", wanted_.keep_last, " and keep_best=", wanted_.keep_best,
                     " would keep it: make room or lower them"));
  }
  for (const std::string& name : names) {
    workspace_.drop(name);
    known_.erase(name);
  }
  return freed || !names.empty();
}

bool CheckpointStore::is_short_of_room() const {
  return retention_.keep_last != wanted_.keep_last || retention_.keep_best != wanted_.keep_best;
}

void CheckpointStore::prune(const std::string& run_id, const StopCheck& stop) {
  // There is room again for what the keys keep.
  if (is_short_of_room() && free_space(directory_fd_.get()).value_or(0) > kFilesBeside * file_bytes_)
    retention_ = wanted_;
  drop_doubtful(durable_generation_);
  if (recycle_superseded(run_id, stop) && !(stop && stop())) workspace_.make_recycling_durable();
}

void CheckpointStore::look_around(const std::string& run_id, const StopCheck& stop) {
  candidates_of(run_id, stop);
}

void CheckpointStore::prepare(std::size_t state_bytes, const StopCheck& stop) {
  if (is_short_of_room()) return;
  try {
    workspace_.prepare_spare(checkpoint_bytes(state_bytes), stop);
  } catch (const Error& error) {
    // The next save looks for room itself, and makes some.
    if (error.status() != Status::kNoSpace) throw;
  }
}

void CheckpointStore::release_spares() {
  workspace_.release();
}

std::uint64_t reusable_bytes(const std::filesystem::path& directory, std::string run_id, std::uint64_t keep_every) {
  std::uint64_t bytes = 0;
  for (const StoredFile& file : list_by_lineage(directory)) {
    const auto meta = glance_at_checkpoint(file.path);
    if (!meta) continue;
    if (run_id.empty()) run_id = meta->run_id;
    const bool is_milestone = keep_every != 0 && meta->step % keep_every == 0;
    if (meta->run_id == run_id && !is_milestone) bytes += file.bytes;
  }
  return bytes;
}

std::uint64_t checkpoint_bytes(std::size_t state_bytes) {
  constexpr std::size_t kTables = std::size_t{1} << 14;
  return file_size_of(state_bytes + kTables);
}

std::optional<Checkpoint> CheckpointStore::try_restore(const std::filesystem::path& path, const StopCheck& stop) {
  const std::string name = path.filename().string();
  const int attempts = attempts_.of(name);
  if (attempts >= kMaxRestoreAttempts) {
    fail(Status::kCorrupt,
         cat("checkpoint '", path.string(), "' ended the process that restored it ", attempts, " times in a row"));
  }
  try {
    // Before it is read: reading is the first thing that could end us.
    attempts_.count(name, staging());
  } catch (const Error& error) {
    lease_.check();
    // A full volume must not keep a run from going on.
    log_.warning(cat("cannot count the attempts to restore '", name, "': ", error.what()));
  }
  try {
    Checkpoint checkpoint = load_checkpoint(path, Links::kRefuse, stop);
    Known known = describe(checkpoint.meta);
    known.resumable = objection_to(checkpoint).empty();
    known_[name] = std::move(known);
    return checkpoint;
  } catch (const Error& error) {
    if (error.status() == Status::kNotFound) return std::nullopt;  // somebody removed it
    throw;
  }
}

std::string CheckpointStore::objection_to(const Checkpoint& checkpoint) const {
  if (values_ == AllowedValues::kAny) return {};
  const TensorSpec* tensor = first_not_finite(checkpoint.state());
  return tensor == nullptr ? std::string() : cat("its tensor '", printable(tensor->name), "' is not finite");
}

std::optional<Checkpoint> CheckpointStore::recover(const StopCheck& stop) {
  struct Bad {
    std::string name;
    std::string why;
  };
  std::vector<Bad> bad, passed_over;
  attempts_.load(directory_);
  for (const StoredFile& file : list_by_lineage(directory_, stop)) {
    try {
      std::optional<Checkpoint> checkpoint = try_restore(file.path, stop);
      if (!checkpoint) continue;
      if (const std::string why = objection_to(*checkpoint); !why.empty()) {
        passed_over.push_back({file.path.filename().string(), why});
        continue;
      }
      for (const Bad& other : passed_over) {
        log_.warning(cat("passed over '", other.name, "': ", other.why, "; set on_nan to continue to go on from it"));
      }
      // Damaged files are renamed only now: while no good one is known, nothing on the volume changes.
      for (const Bad& damaged : bad) {
        workspace_.set_aside(damaged.name);
        log_.error(cat("set aside as '", set_aside_name(damaged.name), "': ", damaged.why));
      }
      return checkpoint;
    } catch (const Error& error) {
      if (error.status() != Status::kCorrupt) {
        confirm_restore();  // an answer is no crash
        throw;
      }
      bad.push_back({file.path.filename().string(), error.what()});
    } catch (...) {
      confirm_restore();  // nor is a lack of memory, once it is answered
      throw;
    }
  }
  if (!passed_over.empty()) {
    confirm_restore();
    fail(Status::kDiverged,
         cat("no whole checkpoint in '", directory_.string(), "' can be gone on from: of '", passed_over.front().name,
             "', the newest, ", passed_over.front().why, "; use another volume, or set on_nan to continue"));
  }
  const std::size_t set_aside_before = list_set_aside(directory_).size();
  if (bad.empty() && set_aside_before == 0) return std::nullopt;
  confirm_restore();
  fail(Status::kCorrupt, cat("none of the ", bad.size() + set_aside_before, " checkpoints in '", directory_.string(),
                             "' is whole", bad.empty() ? "" : cat(" (", bad.front().why, ")"),
                             ": restore the folder from a snapshot, or start a new run on another volume"));
}

void CheckpointStore::confirm_restore() {
  attempts_.clear();
  try {
    workspace_.remove(kAttemptsName);
  } catch (const std::bad_alloc&) {
    // The count stays, as after a crash.
  } catch (const Error& error) {
    lease_.check();
    log_.warning(cat("the count of attempts to restore stays: ", error.what()));
  }
}

}  // namespace spot
