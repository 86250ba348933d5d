#include "checkpoint/verify.h"

#include "base/status.h"
#include "base/text.h"
#include "checkpoint/checkpoint_file.h"

namespace spot {
namespace {

/// A volume's checkpoints/, or the folder itself.
std::filesystem::path checkpoint_directory(const std::filesystem::path& path) {
  const std::filesystem::path inside = path / "checkpoints";
  return std::filesystem::is_directory(inside) ? inside : path;
}

std::vector<StoredFile> files_at(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) {
    fail(Status::kNotFound, cat("'", path.string(), "' does not exist"));
  }
  if (!std::filesystem::is_directory(path)) {
    StoredFile file = parse_checkpoint_file_name(path.filename().string()).value_or(StoredFile{});
    file.path = path;
    file.bytes = std::filesystem::file_size(path);
    return {file};
  }
  const std::filesystem::path directory = checkpoint_directory(path);
  std::vector<StoredFile> files = list_checkpoints(directory);
  for (const std::string& name : list_corrupt(directory)) {
    StoredFile file = parse_checkpoint_file_name(name.substr(0, name.find(".corrupt"))).value_or(StoredFile{});
    file.path = directory / name;
    file.bytes = std::filesystem::file_size(file.path);
    files.push_back(std::move(file));
  }
  if (files.empty()) {
    fail(Status::kNotFound, cat("there is no checkpoint in '", directory.string(), "'"));
  }
  return files;
}

}  // namespace

std::vector<FileVerdict> verify_checkpoints(const std::filesystem::path& path) {
  std::vector<FileVerdict> verdicts;
  for (const StoredFile& file : files_at(path)) {
    FileVerdict verdict{.path = file.path,
                        .step = file.step,
                        .generation = file.generation,
                        .bytes = file.bytes,
                        .state_hash = {},
                        .error = {}};
    try {
      const Checkpoint checkpoint = load_checkpoint(file.path);
      verdict.valid = true;
      verdict.step = checkpoint.meta.step;
      verdict.generation = checkpoint.meta.generation;
      verdict.state_hash = checkpoint.meta.state_hash;
    } catch (const Error& error) {
      verdict.error = error.what();
    }
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

FoundCheckpoint find_checkpoint(const std::filesystem::path& path) {
  const std::vector<StoredFile> files = files_at(path);
  for (std::size_t i = 0;; ++i) {
    try {
      return {files[i].path, load_checkpoint(files[i].path)};
    } catch (const Error& error) {
      if (error.status() != Status::kCorrupt || i + 1 == files.size()) throw;
    }
  }
}

}  // namespace spot
