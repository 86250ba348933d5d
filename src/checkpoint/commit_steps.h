#pragma once

#include <string>

namespace spot {

/// What a commit promises beyond "the file is there": all of it, but on a file system that cannot, where the key
/// durability allows less.
struct CommitPromise {
  bool file_sync = true;    ///< the bytes survive a power cut
  bool folder_sync = true;  ///< so does the name
  bool no_replace = true;   ///< a file of the same name is refused rather than replaced

  /// What is left out, e.g. "folder-sync,no-replace"; empty: nothing.
  [[nodiscard]] std::string left_out() const;
};

/// Whether this error says that the file system has no such call, rather than that the call failed.
bool means_unsupported(int error);

/// The steps of a commit that a file system may lack: see workspace.cpp. Each returns errno, 0 for success; what
/// `promise` leaves out is not done.
int sync_file(int fd, const CommitPromise& promise);
int sync_folder(int fd, const CommitPromise& promise);

/// How publish_name() gave a file its name.
enum class Publishing { kRenamed, kLinked };

/// Gives the file `name` of the folder `from` the name `final_name` in the folder `to`. After kLinked the old name is
/// there too.
int publish_name(int from, const std::string& name, int to, const std::string& final_name, const CommitPromise& promise,
                 Publishing& how);

}  // namespace spot
