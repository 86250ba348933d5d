#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "checkpoint/commit_steps.h"
#include "snapshot/file_copy.h"
#include "snapshot/tree.h"

namespace spot {

/// Something that was copied, and what it was a copy of.
struct CopiedEntry {
  TreeEntry original;
  std::optional<Hash128> hash;  ///< of a file; not known yet of one that was cloned
  bool is_durable = false;      ///< a link to a file of an earlier snapshot
};
using CopiedTree = std::map<std::string, CopiedEntry>;

/// A copy of a folder that others write to, being made in an empty folder of ours.
class FolderCopy {
 public:
  /// What an earlier snapshot holds, to be linked rather than copied again while the original is the same.
  struct Earlier {
    const Fd& folder;  ///< where its files are
    const CopiedTree& tree;
  };

  /// `to` is the empty folder. `name` is what messages call the original.
  FolderCopy(Fd to, std::string name) : to_(std::move(to)), name_(std::move(name)) {}

  /// Makes the copy what the original is at one moment: goes on until nothing has changed from before the first look to
  /// after the last byte. May be called again after a failure, and takes over what was copied. Throws kBusy when the
  /// folder changes again and again, kIo, kNoSpace, kData, kCancelled.
  void update(const Fd& from, const std::optional<Earlier>& earlier, const StopCheck& stop, const Clock& clock,
              const Log& log);
  /// Finds the hashes that are not known yet, and makes all of it durable. Throws kIo, kNoSpace, kCancelled.
  void finish(const CommitPromise& promise, const StopCheck& stop, const Clock& clock, const Log& log);

  [[nodiscard]] const CopiedTree& tree() const { return tree_; }
  [[nodiscard]] std::uint64_t bytes_copied() const { return bytes_copied_; }

 private:
  /// Drops what is not in the folder any more, or has changed.
  void drop_changed(const Tree& tree);
  void add_missing(const Fd& from, const Tree& tree, const std::optional<Earlier>& earlier, WorkProgress& progress);
  /// False when it was changed or removed meanwhile.
  bool copy_file(const Fd& from, const std::string& path, CopiedEntry& entry, WorkProgress& progress);
  bool link_earlier(const std::string& path, CopiedEntry& entry, const Earlier& earlier) const;
  void tell_left_out(const Scan& scan, const Log& log);

  Fd to_;
  std::string name_;
  CopiedTree tree_;
  std::uint64_t bytes_copied_ = 0;
  std::set<std::string> told_;  ///< of what is left out
};

}  // namespace spot
