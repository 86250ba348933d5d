#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "children.h"
#include "folder_watch.h"
#include "library.h"

namespace spotctl {

/// When the folders of a command are snapshotted.
struct KeepRules {
  std::chrono::duration<double> settle{5};  ///< how long nothing is written before
  std::string rule = "quiet";               ///< of spot_snapshots_is_whole()
  std::string command;                      ///< exit 0 in a copy of the folder: it is whole; empty: `rule` decides
};

/// A folder that a command writes to. From begin() to finish() a thread makes a snapshot whenever the folder has been
/// quiet.
class KeptFolder {
 public:
  /// Becomes the writer of its snapshots, and puts the newest one back unless `restore` is false. All must outlive it.
  KeptFolder(const Config& config, const std::string& folder, const KeepRules& rules, bool restore, Children& children,
             spot_cancel* cancel);
  ~KeptFolder();
  KeptFolder(const KeptFolder&) = delete;
  KeptFolder& operator=(const KeptFolder&) = delete;

  /// `command` is who writes there.
  void begin(pid_t command);
  /// A snapshot now, if the folder is whole.
  void hurry();
  /// Whether nothing was written for so long as rules say.
  [[nodiscard]] bool quiet() const;
  /// Nobody writes any more: the last snapshot. Whether what would be put back is durable. `cut_off`: who wrote was
  /// killed; then what it wrote last may be half a file, which only a rule of completeness can tell.
  bool finish(bool cut_off);
  /// Another process has taken the snapshots over: whoever goes on here works for nothing.
  [[nodiscard]] bool fenced() const { return fenced_; }
  /// How long the longest snapshot took.
  [[nodiscard]] double longest_seconds() const { return longest_ms_ / 1000; }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Saved { kYes, kNothingToSave, kLater, kFailed };

  void put_back();
  void keep();
  /// Whether something happened in the folder.
  bool hear();
  /// A rule or a command says whether it is whole, not only that nobody writes.
  [[nodiscard]] bool has_rule() const;
  void wake();
  /// `while_written`: the folder is not quiet. Nobody says then that it is whole but that its files are closed, which
  /// the end of their process does, too.
  Saved save(bool while_written);
  Saved try_to_save(bool while_written);
  bool is_whole(const std::string& folder);
  void end_thread();

  std::string folder_;
  const KeepRules& rules_;
  Children& children_;
  spot_cancel* cancel_;
  Snapshots snapshots_;
  FolderWatch watch_;
  int wake_;
  pid_t command_ = 0;
  std::atomic<bool> hurried_{false}, stopped_{false}, fenced_{false};
  std::atomic<double> longest_ms_{0};
  std::atomic<Clock::time_point> written_at_{Clock::time_point()};
  std::string last_lack_;  ///< what was missing the last time
  std::thread thread_;
};

/// The name that the snapshots of a folder have on the volume: its path as it was given, in one word.
std::string snapshots_name(const std::string& folder);

}  // namespace spotctl
