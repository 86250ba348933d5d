#include "checkpoint/verify.h"

#include <algorithm>
#include <fcntl.h>
#include <optional>
#include <system_error>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "checkpoint/checkpoint_file.h"
#include "checkpoint/decoder.h"
#include "checkpoint/lease.h"
#include "checkpoint/restore_attempts.h"

namespace spot {
namespace {

namespace fs = std::filesystem;

/// A volume's checkpoints/, or the folder itself.
fs::path checkpoint_directory(const fs::path& path) {
  fs::path inside = path / "checkpoints";
  return fs::is_directory(inside) ? inside : path;
}

void check_exists(const fs::path& path) {
  if (!fs::exists(path)) fail(Status::kNotFound, cat("'", path.string(), "' does not exist"));
}

std::uint64_t size_of(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : size;
}

void load_into(FileVerdict& verdict, FileState state_when_damaged, Links links, const StopCheck& stop) {
  try {
    const Checkpoint checkpoint = load_checkpoint(verdict.path, links, stop);
    verdict.state = FileState::kWhole;
    verdict.step = checkpoint.meta.step;
    verdict.generation = checkpoint.meta.generation;
    verdict.writer_epoch = checkpoint.meta.writer_epoch;
    verdict.run_id = checkpoint.meta.run_id;
    verdict.state_hash = checkpoint.meta.state_hash;
    if (const TensorSpec* tensor = first_not_finite(checkpoint.state())) {
      verdict.error =
          cat("tensor '", printable(tensor->name), "' is not finite: passed over unless on_nan is continue");
    }
  } catch (const Error& error) {
    if (error.status() == Status::kCancelled) throw;
    Refusal refused = refusal(verdict.path, error, state_when_damaged);
    verdict.state = refused.state;
    verdict.error = std::move(refused.why);
  }
}

FileVerdict verdict_of(const StoredFile& file) {
  FileVerdict verdict;
  verdict.path = file.path;
  verdict.step = file.step;
  verdict.generation = file.generation;
  verdict.bytes = file.bytes;
  return verdict;
}

std::vector<FileVerdict> checkpoints_in(const fs::path& directory, const StopCheck& stop) {
  std::vector<FileVerdict> verdicts;
  RestoreAttempts restored;
  restored.load(directory);
  bool found = false;
  for (const StoredFile& file : list_by_lineage(directory, stop)) {
    FileVerdict verdict = verdict_of(file);
    load_into(verdict, FileState::kDamaged, Links::kRefuse, stop);
    const int attempts = restored.of(file.path.filename().string());
    if (verdict.state == FileState::kWhole && attempts >= kMaxRestoreAttempts) {
      verdict.error = cat("ended the process that restored it ", attempts, " times in a row: will be set aside");
    } else if (verdict.state == FileState::kWhole && verdict.error.empty() && !found) {
      verdict.resume = found = true;
    }
    // A run refuses there, rather than go on from an older state than a newer release left.
    found = found || verdict.state == FileState::kNewer;
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

FileVerdict set_aside_verdict(const fs::path& path, const StopCheck& stop) {
  const std::string name = path.filename().string();
  const std::string original = name.substr(0, name.find(".corrupt"));
  FileVerdict verdict = verdict_of(parse_checkpoint_file_name(original).value_or(StoredFile{}));
  verdict.path = path;
  verdict.bytes = size_of(path);
  load_into(verdict, FileState::kSetAside, Links::kRefuse, stop);
  verdict.state = FileState::kSetAside;
  if (!verdict.run_id.empty()) verdict.error = "whole, but set aside: it ended the processes that restored it";
  return verdict;
}

void add_plain(std::vector<FileVerdict>& verdicts, const fs::path& path, FileState state, const char* what) {
  FileVerdict verdict;
  verdict.path = path;
  verdict.state = state;
  verdict.bytes = size_of(path);
  verdict.error = what;
  verdicts.push_back(std::move(verdict));
}

void add_workspace(std::vector<FileVerdict>& verdicts, const fs::path& workspace) {
  std::vector<std::string> names;
  try {
    names = entry_names(open_directory(workspace));
  } catch (const Error&) {
    return;  // removed meanwhile by the next writer
  }
  for (const std::string& name : names) {
    if (name == kLockName) continue;
    add_plain(verdicts, workspace / name, FileState::kInProgress, "a writer's: being written, or spare");
  }
}

/// Everything in the folder but checkpoints and our own books.
void add_others(std::vector<FileVerdict>& verdicts, const fs::path& directory, const StopCheck& stop) {
  std::vector<fs::path> paths;
  for (const std::string& name : entry_names(open_file(directory, O_RDONLY | O_DIRECTORY)))
    paths.push_back(directory / name);
  std::sort(paths.rbegin(), paths.rend());
  for (const fs::path& path : paths) {
    const std::string name = path.filename().string();
    const auto known = [&](const FileVerdict& verdict) { return verdict.path == path; };
    if (name == kAttemptsName || std::any_of(verdicts.begin(), verdicts.end(), known)) continue;
    if (is_set_aside(name)) {
      verdicts.push_back(set_aside_verdict(path, stop));
    } else if (parse_workspace_name(name) || is_claim(name)) {
      add_workspace(verdicts, path);
    } else {
      add_plain(verdicts, path, FileState::kForeign, "none of the library's files: it is left alone");
    }
  }
}

bool is_checkpoint(const FileVerdict& verdict) {
  return verdict.state != FileState::kInProgress && verdict.state != FileState::kForeign;
}

[[noreturn]] void fail_no_checkpoint(const fs::path& directory) {
  fail(Status::kNotFound, cat("there is no checkpoint in '", directory.string(), "'"));
}

}  // namespace

const char* to_text(FileState state) {
  switch (state) {
    case FileState::kWhole: return "whole";
    case FileState::kDamaged: return "damaged";
    case FileState::kNewer: return "newer format";
    case FileState::kSetAside: return "set aside";
    case FileState::kInProgress: return "in progress";
    case FileState::kForeign: return "foreign";
  }
  return "unknown";
}

Refusal refusal(const fs::path& path, const Error& error, FileState state_when_damaged) {
  // Its writer may have taken it back, and be writing over it, while it was read.
  if (!fs::exists(path)) return {FileState::kInProgress, "taken back by its writer while it was verified"};
  return {error.status() == Status::kUnsupported ? FileState::kNewer : state_when_damaged, error.what()};
}

std::vector<FileVerdict> verify_checkpoints(const fs::path& path, const StopCheck& stop) {
  check_exists(path);
  if (!fs::is_directory(path)) {
    FileVerdict verdict = verdict_of(parse_checkpoint_file_name(path.filename().string()).value_or(StoredFile{}));
    verdict.path = path;
    verdict.bytes = size_of(path);
    load_into(verdict, FileState::kDamaged, Links::kFollow, stop);
    return {verdict};
  }
  const fs::path directory = checkpoint_directory(path);
  std::vector<FileVerdict> verdicts = checkpoints_in(directory, stop);
  add_others(verdicts, directory, stop);
  if (std::none_of(verdicts.begin(), verdicts.end(), is_checkpoint)) fail_no_checkpoint(directory);
  return verdicts;
}

FoundCheckpoint find_checkpoint(const fs::path& path, const StopCheck& stop) {
  check_exists(path);
  if (!fs::is_directory(path)) return {path, size_of(path), load_checkpoint(path, Links::kFollow, stop)};
  const fs::path directory = checkpoint_directory(path);
  std::optional<Error> damage;
  std::optional<FoundCheckpoint> not_finite;
  for (const StoredFile& file : list_by_lineage(directory, stop)) {
    try {
      FoundCheckpoint found{file.path, file.bytes, load_checkpoint(file.path, Links::kRefuse, stop)};
      if (first_not_finite(found.checkpoint.state()) == nullptr) return found;
      if (!not_finite) not_finite = std::move(found);
    } catch (const Error& error) {
      // One that is gone was taken back by the run that is at work here: there is a newer one then.
      if (!fs::exists(file.path)) continue;
      if (error.status() != Status::kCorrupt) throw;
      if (!damage) damage = error;
    }
  }
  if (not_finite) return std::move(*not_finite);
  if (damage) throw Error(*damage);
  for (const std::string& name : list_set_aside(directory)) load_checkpoint(directory / name, Links::kRefuse, stop);
  fail_no_checkpoint(directory);
}

}  // namespace spot
