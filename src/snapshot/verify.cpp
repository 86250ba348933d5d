#include "snapshot/verify.h"

#include <algorithm>
#include <fcntl.h>
#include <functional>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"
#include "checkpoint/checkpoint_file.h"
#include "snapshot/generation.h"

namespace spot {
namespace {

namespace fs = std::filesystem;

void verify_into(SnapshotVerdict& verdict, FileState state_when_damaged, const StopCheck& stop) {
  const Log silent;
  WorkProgress progress(cat("verifying '", verdict.path.string(), "'"), stop, system_clock(), silent);
  try {
    const Manifest manifest = read_generation(verdict.path, stop);
    verify_generation(verdict.path, manifest, progress);
    verdict.state = FileState::kWhole;
    verdict.writer_epoch = manifest.writer_epoch;
    verdict.extent = extent_of(manifest.entries);
  } catch (const Error& error) {
    if (error.status() == Status::kCancelled) throw;
    Refusal refused = refusal(verdict.path, error, state_when_damaged);
    verdict.state = refused.state;
    verdict.error = std::move(refused.why);
  }
}

SnapshotVerdict verdict_of(const fs::path& path) {
  SnapshotVerdict verdict;
  verdict.path = path;
  const std::string name = path.filename().string();
  verdict.generation = parse_generation_name(std::string_view(name).substr(0, name.find('.'))).value_or(0);
  return verdict;
}

void add_folder(std::vector<SnapshotVerdict>& verdicts, const fs::path& folder, const StopCheck& stop) {
  bool found = false;
  for (const Generation& generation : list_generations(folder, stop)) {
    SnapshotVerdict verdict = verdict_of(generation.path);
    verify_into(verdict, FileState::kDamaged, stop);
    verdict.restore = verdict.state == FileState::kWhole && !found;
    // At one of a newer format a restore refuses, rather than go back to an older one.
    found = found || verdict.restore || verdict.state == FileState::kNewer;
    verdicts.push_back(std::move(verdict));
  }
  std::vector<std::string> names = list_set_aside(folder);
  std::ranges::sort(names, std::greater<>());
  for (const std::string& name : names) {
    SnapshotVerdict verdict = verdict_of(folder / name);
    verify_into(verdict, FileState::kSetAside, stop);
    verdict.state = FileState::kSetAside;
    verdicts.push_back(std::move(verdict));
  }
}

}  // namespace

std::vector<SnapshotVerdict> verify_snapshots(const fs::path& path, const StopCheck& stop) {
  if (!fs::exists(path)) fail(Status::kNotFound, cat("'", path.string(), "' does not exist"));
  std::vector<SnapshotVerdict> verdicts;
  const std::string name = path.filename().string();
  if (parse_generation_name(std::string_view(name).substr(0, name.find('.')))) {
    verdicts.push_back(verdict_of(path));
    verify_into(verdicts.back(), is_set_aside(name) ? FileState::kSetAside : FileState::kDamaged, stop);
    return verdicts;
  }
  if (!fs::is_directory(path)) fail(Status::kNotFound, cat("'", path.string(), "' is no snapshot"));
  const fs::path inside = path / "snapshots";
  const fs::path directory = fs::is_directory(inside) ? inside : path;
  add_folder(verdicts, directory, stop);
  if (verdicts.empty()) {
    std::vector<std::string> names = entry_names(open_file(directory, O_RDONLY | O_DIRECTORY));
    std::ranges::sort(names);
    for (const std::string& folder : names) {
      if (fs::is_directory(fs::symlink_status(directory / folder))) add_folder(verdicts, directory / folder, stop);
    }
  }
  if (verdicts.empty()) fail(Status::kNotFound, cat("there is no snapshot in '", directory.string(), "'"));
  return verdicts;
}

}  // namespace spot
