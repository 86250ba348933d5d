#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/file.h"

namespace spot {

enum class EntryKind : std::uint8_t { kFile = 0, kFolder = 1, kLink = 2 };

/// What the file system says of a file: while this stays the same, so does the content.
struct Stamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t changed_ns = 0;  ///< ctime, which a program cannot set

  bool operator==(const Stamp&) const = default;
};

/// Something in a folder.
struct TreeEntry {
  EntryKind kind = EntryKind::kFile;
  std::uint32_t mode = 0;  ///< permission bits
  std::int64_t modified_ns = 0;
  std::uint64_t size = 0;  ///< of a file
  std::string target;      ///< of a symbolic link
  Stamp stamp;             ///< of a file
};

/// Whether nothing can have happened to an entry between two looks at it. The time of a folder only tells of its
/// entries, which are looked at themselves.
bool is_unchanged(const TreeEntry& before, const TreeEntry& after);

/// By path from the folder: a folder comes before what is in it.
using Tree = std::map<std::string, TreeEntry>;

struct Scan {
  Tree tree;
  /// "'x' (a socket)": sockets, pipes and devices, and symbolic links that lead out of the folder.
  std::vector<std::string> left_out;
};

/// Looks at all that is in a folder, but for what is_own_name() and lost+found of its top. Does not follow links.
/// Throws kIo, naming what cannot be read, kData beyond kMaxDepth or kMaxEntries, and kCancelled.
Scan scan_folder(const Fd& folder, const StopCheck& stop);

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxEntries = std::size_t{1} << 20;

/// Whether this name, at the top of a folder, is one that the library makes there.
bool is_own_name(std::string_view name);
/// Whether an entry at the top of a folder is none that a snapshot holds.
bool is_left_alone(std::string_view name);

/// Whether a symbolic link stays in the folder that `path`, its own, begins in, whatever else is there: it goes up no
/// further than that, and down only.
bool stays_inside(std::string_view path, std::string_view target);

/// The present moment on the clock that file systems stamp with, and how far apart two of its moments are at most.
std::int64_t stamp_clock_ns();
constexpr std::int64_t kStampTick = 20'000'000;

}  // namespace spot
