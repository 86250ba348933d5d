#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/file.h"

namespace spot {

/// A file of a checkpoint folder, by what its name says.
struct StoredFile {
  std::filesystem::path path;
  std::uint64_t step = 0;
  std::uint64_t generation = 0;
  std::uint64_t bytes = 0;
};

/// Where a checkpoint or snapshot belongs in the lineage of its folder: the later, the greater. One that does not tell
/// comes last of all, so that it is seen and reported.
struct Descent {
  bool unknown = true;
  std::uint64_t writer_epoch = 0;
  std::uint64_t generation = 0;

  auto operator<=>(const Descent&) const = default;
};

/// What the trailer of the file says. Throws kIo when it is there and cannot be read.
Descent descent_of(const std::filesystem::path& path);

/// ckpt-<step, 12 digits>-<generation, 8 digits>.spck: a listing sorts by age.
std::string checkpoint_file_name(std::uint64_t step, std::uint64_t generation);

/// The numbers in such a name; nothing for any other name.
std::optional<StoredFile> parse_checkpoint_file_name(const std::string& name);

/// Files with a checkpoint's name, newest generation first. Links, pipes and folders are none. Throws kIo rather than
/// leave out a file that it cannot examine, and kCancelled when `stop`, which is asked between two files, said so.
std::vector<StoredFile> list_checkpoints(const std::filesystem::path& directory, const StopCheck& stop = {});

/// The same by lineage: the writer epoch and the generation in the files' own trailers decide, never the step nor
/// what the name says. A file without a whole trailer comes first, so that it is seen and reported.
std::vector<StoredFile> list_by_lineage(const std::filesystem::path& directory, const StopCheck& stop = {});

/// The name under which a damaged file is set aside, and whether one is such a name.
std::string set_aside_name(const std::string& name);
bool is_set_aside(std::string_view name);

/// Names of files that were set aside as damaged (*.corrupt).
std::vector<std::string> list_set_aside(const std::filesystem::path& directory);

/// The highest generation that a name of the folder mentions, those set aside included; 0: none.
std::uint64_t last_generation(const std::filesystem::path& directory);

/// The highest writer epoch in the files' trailers; 0: none.
std::uint64_t last_writer_epoch(const std::filesystem::path& directory, const StopCheck& stop = {});

}  // namespace spot
