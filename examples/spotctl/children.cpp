#include "children.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <fstream>
#include <map>
#include <memory>
#include <poll.h>
#include <spawn.h>
#include <thread>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/wait.h>

// glibc 2.36 declares these functions as if they were of C++.
extern "C" {
#include <sys/pidfd.h>
}

#include "exit_code.h"
#include "signals.h"
#include "terminal.h"

extern char** environ;

namespace spotctl {
namespace {

constexpr int kNotFound = 127, kNotRunnable = 126, kBySignal = 128;  // as a shell says it
/// A process that waits for a disk or a network file system can be ended by nobody.
constexpr std::chrono::seconds kKillPatience{10};
constexpr std::chrono::milliseconds kLookAgain{5};

/// What posix_spawn() is told, with the memory that it takes.
class Spawn {
 public:
  Spawn() {
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_init(&actions_);
    const InheritedSignals signals = inherited_signals();
    posix_spawnattr_setsigmask(&attributes_, &signals.mask);
    posix_spawnattr_setsigdefault(&attributes_, &signals.defaults);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~Spawn() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;

  void work_in(const std::string& folder) {
    posix_spawn_file_actions_addchdir_np(&actions_, folder.c_str());
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, STDERR_FILENO, STDOUT_FILENO);
  }
  /// Returns errno.
  int start(const std::vector<std::string>& words, pid_t& child) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    return posix_spawnp(&child, arguments[0], &actions_, &attributes_, arguments.data(), environ);
  }

 private:
  posix_spawnattr_t attributes_;
  posix_spawn_file_actions_t actions_;
};

/// The parent of each process of the system.
std::map<pid_t, pid_t> all_parents() {
  std::map<pid_t, pid_t> parents;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir("/proc"), closedir);
  if (!entries) return parents;
  while (const dirent* entry = readdir(entries.get())) {
    const pid_t process = std::atoi(entry->d_name);
    if (process <= 0) continue;
    std::string line;
    std::getline(std::ifstream("/proc/" + std::string(entry->d_name) + "/stat"), line);
    // "pid (name) state parent": a name may hold anything.
    const std::size_t name_end = line.rfind(')');
    int parent = 0;
    char state = 0;
    if (name_end == std::string::npos || std::sscanf(line.c_str() + name_end + 1, " %c %d", &state, &parent) != 2)
      continue;
    parents[process] = parent;
  }
  return parents;
}

std::vector<pid_t> descendants() {
  const std::map<pid_t, pid_t> parents = all_parents();
  const pid_t self = getpid();
  const auto comes_from_us = [&](pid_t process) {
    for (std::size_t steps = 0; steps < parents.size(); ++steps) {
      const auto found = parents.find(process);
      if (found == parents.end()) return false;
      if (found->second == self) return true;
      process = found->second;
    }
    return false;
  };
  std::vector<pid_t> found;
  for (const auto& [process, parent] : parents) {
    if (comes_from_us(process)) found.push_back(process);
  }
  return found;
}

ChildEnd end_of(int status) {
  if (WIFSIGNALED(status)) return {kBySignal + WTERMSIG(status), true};
  return {WEXITSTATUS(status), false};
}

}  // namespace

Children::Children() {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

pid_t Children::start(const std::vector<std::string>& words, const std::string* folder) {
  Spawn spawn;
  if (folder != nullptr) spawn.work_in(*folder);
  const std::lock_guard lock(mutex_);
  pid_t child = 0;
  if (const int error = spawn.start(words, child)) {
    throw Failure(error == ENOENT ? kNotFound : kNotRunnable,
                  "'" + words[0] + "' cannot be run: " + std::strerror(error));
  }
  known_.insert(child);
  return child;
}

std::optional<ChildEnd> Children::wait(pid_t child, int milliseconds) {
  // It stays ours until it is waited for, so the number means no other process.
  const int fd = pidfd_open(child, 0);
  if (fd >= 0) {
    pollfd ended{fd, POLLIN, 0};
    poll(&ended, 1, milliseconds);
    close(fd);
  }
  const std::lock_guard lock(mutex_);
  int status = 0;
  const pid_t ended = waitpid(child, &status, WNOHANG);
  if (ended == 0) return std::nullopt;
  known_.erase(child);
  return ended == child ? end_of(status) : ChildEnd{kBySignal + SIGKILL, true};  // the latter by kill_all()
}

bool Children::runs(pid_t child) {
  siginfo_t ended{};
  return waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == 0;
}

void Children::signal(pid_t child, int signal) {
  const std::lock_guard lock(mutex_);
  if (known_.count(child) == 0) return;
  const int fd = pidfd_open(child, 0);
  if (fd < 0) return;
  pidfd_send_signal(fd, signal, nullptr, 0);
  close(fd);
}

void Children::reap_orphans() {
  const std::lock_guard lock(mutex_);
  for (;;) {
    siginfo_t ended{};
    if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return;
    if (known_.count(ended.si_pid) != 0) return;  // whoever waits for it comes first
    waitpid(ended.si_pid, nullptr, WNOHANG);
  }
}

bool Children::any_left() {
  reap_orphans();
  return !descendants().empty();
}

void Children::kill_all() {
  const auto end = std::chrono::steady_clock::now() + kKillPatience;
  {
    const std::lock_guard lock(mutex_);
    known_.clear();
  }
  for (;;) {
    // Whatever they start meanwhile is found the next time.
    const std::vector<pid_t> left = descendants();
    if (left.empty()) return;
    for (const pid_t process : left) kill(process, SIGKILL);
    reap_orphans();
    if (std::chrono::steady_clock::now() > end) {
      terminal().line("process " + std::to_string(left.front()) + " could not be ended: it waits for the system");
      return;
    }
    std::this_thread::sleep_for(kLookAgain);
  }
}

}  // namespace spotctl
