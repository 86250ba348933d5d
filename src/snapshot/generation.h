#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "checkpoint/checkpoint_file.h"
#include "snapshot/file_copy.h"
#include "snapshot/manifest.h"

namespace spot {

// A generation is the folder snap-<number, 8 digits> with these two in it.
constexpr const char* kManifestName = "manifest";
constexpr const char* kFilesName = "files";

struct Generation {
  std::filesystem::path path;
  std::string name;
  std::uint64_t number = 0;
  Descent descent;  ///< by its manifest's own trailer
};

std::string generation_name(std::uint64_t number);
/// The number in such a name; nothing for any other name.
std::optional<std::uint64_t> parse_generation_name(std::string_view name);

/// The generations in a folder of snapshots, the newest by lineage first; those without a whole trailer come before
/// all, so that they are seen and reported. Nothing when there is no such folder. Throws kIo, kCancelled.
std::vector<Generation> list_generations(const std::filesystem::path& directory, const StopCheck& stop);
/// The highest number that a name of the folder mentions, those set aside included; 0: none.
std::uint64_t last_generation_number(const std::filesystem::path& directory);

/// What a generation holds, by its manifest. Throws kNotFound when it is gone, kCorrupt, kUnsupported, kCancelled.
Manifest read_generation(const std::filesystem::path& path, const StopCheck& stop);
/// A file of it, opened for reading. Throws kCorrupt when it is no such file, or not of its size.
Fd open_saved_file(const std::filesystem::path& generation, const std::string& path, const SavedEntry& entry);
/// Reads every byte. Throws kCorrupt, kCancelled.
void verify_generation(const std::filesystem::path& path, const Manifest& manifest, WorkProgress& progress);
[[noreturn]] void fail_changed(const std::filesystem::path& generation, const std::string& path);

}  // namespace spot
