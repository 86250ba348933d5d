#pragma once

#include <filesystem>

#include "base/file.h"
#include "checkpoint/commit_steps.h"

namespace spot {

/// What the file system of a checkpoint folder can do.
struct CommitAbilities {
  CommitPromise promise;    ///< that a commit can keep there
  bool locks = true;        ///< it can tell whether another writer lives
  double milliseconds = 0;  ///< that the rehearsed commit took
};

/// Walks through a whole commit with a small file: a writer's folder and its lock, create, write, sync, rename
/// without replacing, sync of the folder, taking it back, renaming the folder. Leaves nothing behind; what a killed
/// one left, the next writer sweeps. `folder` is the open `path`. Throws kNoSpace, kIo naming a call that no commit can
/// do without, or kCancelled when `stop` said so between two calls.
CommitAbilities rehearse_commit(const Fd& folder, const std::filesystem::path& path, const StopCheck& stop = {});

/// Throws kIo, naming what the file system lacks and what to do, unless all is promised or `weak` is allowed.
void check_promise(const CommitPromise& promise, bool weak, const std::filesystem::path& path);

/// What the file system lacks, in words; empty: nothing.
std::string describe_lack(const CommitPromise& promise);

}  // namespace spot
