#include "checkpoint/store.h"

#include <cmath>
#include <limits>
#include <new>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/text.h"
#include "checkpoint/checkpoint_file.h"
#include "checkpoint/decoder.h"
#include "checkpoint/restore_attempts.h"
#include "checkpoint/trailer.h"

namespace spot {
namespace {

Fd create_and_open(const std::filesystem::path& directory) {
  make_directory(directory);
  return open_directory(directory);
}

}  // namespace

CheckpointStore::CheckpointStore(const std::filesystem::path& directory, const StoreOptions& options,
                                 const Clock& clock, Log log, const StopCheck& stop)
    : directory_(directory),
      directory_fd_(create_and_open(directory)),
      retention_(options.retention),
      values_(options.values),
      clock_(clock),
      log_(std::move(log)),
      lease_(WriterLease::acquire(directory_fd_, directory_, last_writer_epoch(directory_, stop), options.lease, clock_,
                                  log_, stop)),
      workspace_(directory_fd_, lease_, clock_),
      // Listed now that no other writer can add to them.
      next_generation_(last_generation(directory_) + 1) {
  // Between the look at the files and the lease, a writer whose workspace was lost may have saved.
  if (last_writer_epoch(directory_) > lease_.epoch()) {
    fail(Status::kFenced, cat("another writer has taken over '", directory_.string(), "'"));
  }
}

SaveReport CheckpointStore::commit(CheckpointMeta meta, const StateReader& state) {
  const std::int64_t start = clock_.monotonic_ns();
  lease_.check();
  // A generation is used up even when its commit fails: a file of that name may have become durable all the same.
  meta.generation = next_generation_++;
  meta.writer_epoch = lease_.epoch();
  SaveFile file = workspace_.open_save_file();
  const EncodedCheckpoint content = encoder_.encode(meta, state, &file, values_);
  const std::int64_t written = clock_.monotonic_ns();
  file.make_durable();
  const std::string name = checkpoint_file_name(meta.step, meta.generation);
  workspace_.publish(file, name);
  const std::int64_t durable = clock_.monotonic_ns();
  known_[name] = describe(meta);
  return {.path = (directory_ / name).string(),
          .step = meta.step,
          .generation = meta.generation,
          .bytes = content.image.size(),
          .encode_ns = written - start - file.write_ns(),
          .write_ns = file.write_ns(),
          .fsync_ns = durable - written,
          .durable_ns = durable - start,
          .durable_at_ns = durable};
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

const CheckpointStore::MaybeKnown& CheckpointStore::knowledge_of(const std::filesystem::path& path) {
  const auto [found, is_new] = known_.try_emplace(path.filename().string());
  if (is_new) {
    try {
      found->second = describe(load_checkpoint(path, Links::kRefuse).meta);
    } catch (const Error& error) {
      log_.warning(cat("retention leaves '", path.string(), "' alone: ", error.what()));
    }
  }
  return found->second;
}

void CheckpointStore::prune(const std::string& run_id, const StopCheck& stop) {
  std::vector<RetentionCandidate> candidates;
  for (const StoredFile& file : list_by_lineage(directory_)) {
    // Files of an earlier process have to be read; what was read already is known the next time.
    if (stop()) return;
    const MaybeKnown& known = knowledge_of(file.path);
    // A damaged one is recovery's business, and no good to keep in place of another.
    if (known && known->run_id == run_id) {
      candidates.push_back({file.path.filename().string(), known->step, known->accuracy});
    }
  }
  for (const std::string& name : superseded(candidates, retention_)) {
    workspace_.recycle(name);
    known_.erase(name);
  }
  workspace_.make_recycling_durable();
}

void CheckpointStore::prepare(std::size_t state_bytes, const StopCheck& stop) {
  constexpr std::size_t kTables = std::size_t{1} << 14;
  workspace_.prepare_spare(file_size_of(state_bytes + kTables), stop);
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
    known_[name] = describe(checkpoint.meta);
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
