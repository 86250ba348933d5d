#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

namespace spotctl {

struct ChildEnd {
  int code = 0;         ///< as a shell gives it
  bool killed = false;  ///< by a signal that it did not answer
};

/// The processes that this one starts, and those that they leave behind: it becomes the reaper of these. Safe from any
/// thread.
class Children {
 public:
  Children();
  /// Leaves nothing running.
  ~Children() { kill_all(); }
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

  /// Starts a program, looked for as a shell does, with the signals as they were when spotctl began, and with its
  /// stdin, stdout and stderr. Throws Failure with a shell's exit code: 127 where there is none, 126 where it cannot be
  /// run.
  pid_t start(const std::vector<std::string>& words) { return start(words, nullptr); }
  /// The same in that folder; it reads nothing, and what it prints goes to stderr.
  pid_t start_in(const std::string& folder, const std::vector<std::string>& words) { return start(words, &folder); }
  /// How it ended, once it has. Waits at most so long; -1: for ever. Every child is to be waited for until this
  /// answers.
  std::optional<ChildEnd> wait(pid_t child, int milliseconds);
  /// Whether it has not ended.
  [[nodiscard]] static bool runs(pid_t child);
  /// To that process alone, not to its group.
  void signal(pid_t child, int signal);
  /// Lets go of processes that have ended and that nobody waits for.
  void reap_orphans();
  /// Whether any process that comes from this one, however far, is still there.
  bool any_left();
  /// Ends all of them.
  void kill_all();

 private:
  pid_t start(const std::vector<std::string>& words, const std::string* folder);

  std::mutex mutex_;       ///< held while a process is started, and while others are reaped
  std::set<pid_t> known_;  ///< those that are waited for
};

}  // namespace spotctl
