#pragma once

#include <fcntl.h>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/log.h"
#include "checkpoint/checkpoint_file.h"
#include "snapshot/file_copy.h"
#include "snapshot/manifest.h"

namespace spot {

/// The folder that snapshots are taken of and put back into. In it lie, under names that snapshots leave alone,
/// ".spot-snapshot", which says what snapshot it has come from or gone into last, and ".spot-restore" while one is put
/// back:
///     .spot-restore/copying   the snapshot, not whole yet: what is in the folder is as it was
///     .spot-restore/whole     the snapshot; what was in the folder is on its way out
///     .spot-restore/ready     the snapshot, on its way into the folder, where nothing else is
/// Each is a rename away from the next, so that whoever comes after a crash knows how to go on.
class LiveFolder {
 public:
  /// Creates the folder unless it is there, and ends what a crash has left half done.
  LiveFolder(const std::filesystem::path& path, const Log& log);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Anew each time: whoever writes there may remove the folder and make another. Throws kNotFound, kIo.
  [[nodiscard]] Fd open() const { return open_file(path_, O_RDONLY | O_DIRECTORY); }
  /// Nothing is there but what snapshots leave alone.
  [[nodiscard]] bool is_empty() const;
  /// False for a folder that has met no snapshot yet.
  [[nodiscard]] bool is_as_new_as(const Descent& descent) const;
  /// The folder is as new as that one now. Throws kIo, kNotFound.
  void set_mark(const Descent& descent) const;

  /// Puts a snapshot in the place of what is there, whole or not at all. Returns where that is now; empty: nowhere,
  /// there was nothing. Throws kCorrupt for a file that is not the one that was saved, kIo, kNoSpace, kCancelled.
  std::string replace_by(const std::filesystem::path& generation, const Manifest& manifest, WorkProgress& progress);

 private:
  void copy(const std::filesystem::path& generation, const Manifest& manifest, const Fd& to,
            WorkProgress& progress) const;
  void finish_replacing();
  /// Moves all that is there to a new folder beside this one.
  void move_out();

  std::filesystem::path path_;
  Fd folder_;
  std::string moved_to_;
};

}  // namespace spot
