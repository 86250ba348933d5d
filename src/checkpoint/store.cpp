#include "checkpoint/store.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <fcntl.h>
#include <limits>
#include <set>
#include <unistd.h>

#include <sys/random.h>

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

constexpr int kMaxRestoreAttempts = 3;
constexpr double kUnknownAccuracy = -std::numeric_limits<double>::infinity();

std::string random_name() {
  unsigned char bytes[8] = {};
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) {
    fail_errno("cannot get random bytes for a writer's name", errno);
  }
  return to_hex(bytes, sizeof bytes);
}

/// Accuracy of the state in this very checkpoint: known when an epoch ended with it.
double accuracy_of_state(const CheckpointMeta& meta) {
  if (meta.history.empty() || meta.history.back().step != meta.step) return kUnknownAccuracy;
  const EpochRecord& record = meta.history.back();
  const double accuracy = std::isnan(record.validation_accuracy) ? record.test_accuracy : record.validation_accuracy;
  return std::isnan(accuracy) ? kUnknownAccuracy : accuracy;
}

}  // namespace

CheckpointStore::CheckpointStore(const std::filesystem::path& directory, Retention retention, const Clock& clock,
                                 Log log)
    : directory_(directory), retention_(retention), clock_(clock), log_(std::move(log)), writer_(random_name()) {
  make_directory(directory_);
  directory_fd_ = open_file(directory_, O_RDONLY | O_DIRECTORY);
  sweep_temporary_files(directory_);
  const auto files = list_checkpoints(directory_);
  if (!files.empty()) next_generation_ = files.front().generation + 1;
  for (std::string name : list_corrupt(directory_)) {
    name.resize(name.find(".spck") + 5);
    const auto file = parse_checkpoint_file_name(name);
    if (file) next_generation_ = std::max(next_generation_, file->generation + 1);
  }
}

SaveReport CheckpointStore::commit(CheckpointMeta meta, const StateView& state) {
  const std::int64_t start = clock_.monotonic_ns();
  // A generation is used up even when its commit fails: a file of that name may have become durable all the
  // same.
  meta.generation = next_generation_++;
  meta.state_hash = state_hash(state, meta.step, meta.seed).hex();
  const EncodedCheckpoint content = encoder_.encode(meta, state);
  const std::int64_t encoded = clock_.monotonic_ns();

  const std::string name = checkpoint_file_name(meta.step, meta.generation);
  commit_file(directory_fd_, directory_, name, writer_, content);
  const std::int64_t durable = clock_.monotonic_ns();
  accuracies_[name] = accuracy_of_state(meta);
  return {.path = (directory_ / name).string(),
          .reason = meta.reason,
          .step = meta.step,
          .generation = meta.generation,
          .bytes = content.size(),
          .encode_ns = encoded - start,
          .commit_ns = durable - encoded,
          .durable_ns = durable - start,
          .durable_at_ns = durable};
}

const CheckpointStore::Accuracy& CheckpointStore::accuracy_of(const std::filesystem::path& path) {
  const auto [found, is_new] = accuracies_.try_emplace(path.filename().string());
  if (is_new) {
    try {
      found->second = accuracy_of_state(load_checkpoint(path).meta);
    } catch (const Error& error) {
      log_.warning(cat("retention leaves '", path.string(), "' alone: ", error.what()));
    }
  }
  return found->second;
}

void CheckpointStore::prune() {
  struct Candidate {
    std::filesystem::path path;
    double accuracy;
  };
  std::vector<Candidate> old;
  std::uint64_t newest_kept = 0;
  for (const StoredFile& file : list_checkpoints(directory_)) {
    const Accuracy& accuracy = accuracy_of(file.path);
    if (!accuracy) continue;  // damaged: recovery's business, and no good to keep in place of another
    if (newest_kept < retention_.keep_last) {
      ++newest_kept;
    } else {
      old.push_back({file.path, *accuracy});
    }
  }
  // The best of all files are kept; those among the newest are safe already and count.
  std::vector<double> best;
  for (const StoredFile& file : list_checkpoints(directory_)) {
    const Accuracy& accuracy = accuracy_of(file.path);
    if (accuracy && *accuracy > kUnknownAccuracy) best.push_back(*accuracy);
  }
  std::sort(best.begin(), best.end(), std::greater<>());
  best.resize(std::min<std::size_t>(best.size(), retention_.keep_best));
  for (const Candidate& candidate : old) {
    const bool is_best = !best.empty() && candidate.accuracy >= best.back();
    if (is_best || ::unlink(candidate.path.c_str()) != 0) continue;
    accuracies_.erase(candidate.path.filename().string());
  }
}

void CheckpointStore::set_aside(const std::filesystem::path& path, const std::string& why) {
  std::filesystem::path aside = path;
  aside += ".corrupt";
  if (::rename(path.c_str(), aside.c_str()) != 0) {
    fail_errno(cat("cannot rename damaged checkpoint '", path.string(), "'"), errno);
  }
  log_.error(cat("set aside as '", aside.filename().string(), "': ", why));
}

int CheckpointStore::attempts_of(const std::string& name) const {
  try {
    const auto words = split(read_text_file(attempts_path(), 4096), ' ');
    if (words.size() == 2 && words[0] == name) return parse_number<int>(words[1]).value_or(0);
  } catch (const Error&) {  // none recorded
  }
  return 0;
}

void CheckpointStore::count_attempt(const std::string& name, int attempts) {
  try {
    write_file_atomically(attempts_path(), cat(name, " ", attempts));
  } catch (const Error& error) {
    // A full volume must not keep a run from going on.
    log_.warning(cat("cannot count the attempts to restore '", name, "': ", error.what()));
  }
}

std::optional<Checkpoint> CheckpointStore::recover() {
  struct Bad {
    std::filesystem::path path;
    std::string why;
  };
  std::vector<Bad> bad;
  for (const StoredFile& file : list_checkpoints(directory_)) {
    const std::string name = file.path.filename().string();
    const int attempts = attempts_of(name);
    try {
      if (attempts >= kMaxRestoreAttempts) {
        fail(Status::kCorrupt, cat("checkpoint '", file.path.string(), "' ended the process that restored it ",
                                   attempts, " times in a row"));
      }
      Checkpoint checkpoint = load_checkpoint(file.path);
      // Damaged files are renamed only now: while no good one is known, nothing on the volume changes.
      for (const Bad& damaged : bad) set_aside(damaged.path, damaged.why);
      accuracies_[name] = accuracy_of_state(checkpoint.meta);
      count_attempt(name, attempts + 1);
      return checkpoint;
    } catch (const Error& error) {
      if (error.status() != Status::kCorrupt) throw;
      bad.push_back({file.path, error.what()});
    }
  }
  const std::size_t set_aside_before = list_corrupt(directory_).size();
  if (bad.empty() && set_aside_before == 0) return std::nullopt;
  fail(Status::kCorrupt, cat("none of the ", bad.size() + set_aside_before, " checkpoints in '", directory_.string(),
                             "' is whole", bad.empty() ? "" : cat(" (", bad.front().why, ")"),
                             ": restore the folder from a snapshot, or start a new run on another volume"));
}

void CheckpointStore::confirm_restore() {
  ::unlink(attempts_path().c_str());
}

}  // namespace spot
