#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "checkpoint/codec.h"

namespace spot {

/// A file of a checkpoint folder, by what its name says.
struct StoredFile {
  std::filesystem::path path;
  std::uint64_t step = 0;
  std::uint64_t generation = 0;
  std::uint64_t bytes = 0;
};

/// ckpt-<step, 12 digits>-<generation, 8 digits>.spck: a listing sorts by age.
std::string checkpoint_file_name(std::uint64_t step, std::uint64_t generation);

/// The numbers in such a name; nothing for any other name.
std::optional<StoredFile> parse_checkpoint_file_name(const std::string& name);

/// Files with a checkpoint's name, newest generation first.
std::vector<StoredFile> list_checkpoints(const std::filesystem::path& directory);

/// Names of files that were set aside as damaged (*.corrupt).
std::vector<std::string> list_corrupt(const std::filesystem::path& directory);

/// Makes a file of these bytes durable under a name that must not exist yet: the commit protocol. `writer`
/// makes the temporary file's name unique. Throws kNoSpace, kIo, or kFenced when the name exists; every other
/// file is as it was then.
void commit_file(const Fd& directory, const std::filesystem::path& directory_path, const std::string& name,
                 const std::string& writer, const EncodedCheckpoint& content);

/// Removes the temporary files of writers that are gone.
void sweep_temporary_files(const std::filesystem::path& directory);

}  // namespace spot
