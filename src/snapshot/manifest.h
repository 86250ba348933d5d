#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "snapshot/tree.h"

namespace spot {

/// Something that a snapshot holds, as its manifest tells of it.
struct SavedEntry {
  EntryKind kind = EntryKind::kFile;
  std::uint32_t mode = 0;  ///< permission bits
  std::int64_t modified_ns = 0;
  std::uint64_t size = 0;  ///< of a file
  Hash128 hash;            ///< likewise
  std::string target;      ///< of a symbolic link

  bool operator==(const SavedEntry&) const = default;
};

/// What a snapshot holds, by path: a folder comes before what is in it.
using SavedTree = std::map<std::string, SavedEntry>;

struct Manifest {
  std::uint64_t generation = 0;
  std::uint64_t writer_epoch = 0;
  std::int64_t created_unix_ns = 0;
  SavedTree entries;
};

/// How many files there are, and how long they are together.
struct Extent {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};
Extent extent_of(const SavedTree& entries);

/// The bytes of a manifest file.
std::vector<std::byte> encode(const Manifest& manifest);

/// Trusts none of these bytes: no path that it returns leads out of the folder, by itself or by way of a link. Throws
/// kCorrupt, kUnsupported; `origin` is what messages call it.
Manifest decode_manifest(std::span<const std::byte> file, const std::string& origin);
Manifest read_manifest(const std::filesystem::path& path, const StopCheck& stop = {});

}  // namespace spot
