#pragma once

#include <csignal>
#include <functional>
#include <string>
#include <thread>

namespace spotctl {

/// SIGPIPE and SIGXFSZ are ignored from now on: a write says EPIPE or EFBIG, which is reported. Every other signal that
/// would end the process is kept waiting (an "ending signal": the hang-up, interrupt, quit, termination, user, timer,
/// processor time, input, power, abort, trap, system call and real-time ones), until Signals hears it or
/// release_ending_signals() is called. A fault of the process itself and abort() end it all the same: they lift the
/// block. SIGSEGV, SIGBUS, SIGFPE and SIGILL are left alone, and so is what the parent ignores (nohup, background jobs
/// of sh) or a preloaded library handles. To be called before any thread is started.
void hold_ending_signals();

/// How the process was started, for those that it starts.
struct InheritedSignals {
  sigset_t mask;
  sigset_t defaults;  ///< of those that are ignored now, the ones that were not
};
InheritedSignals inherited_signals();

/// Lets the ending signals end the process again.
void release_ending_signals();

/// Waits until `fd` can be read, or is at its end. Meanwhile the ending signals end the process, held or not. To be
/// called after hold_ending_signals().
void wait_for_input(int fd);

/// Receives the ending signals on a thread of its own while in scope. They stay held afterwards: one that comes when
/// the work is done is not to turn success into death.
class Signals {
 public:
  /// `receive` is called on that thread with each signal's number.
  explicit Signals(std::function<void(int signal)> receive);
  /// The same, with whether it came from the terminal, which sends it to every process of the foreground.
  explicit Signals(std::function<void(int signal, bool by_terminal)> receive);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void wait();

  int stop_[2] = {-1, -1};  ///< a pipe whose closing ends the thread
  std::function<void(int, bool)> receive_;
  std::thread thread_;
};

/// "SIGTERM", "SIGRTMIN+1".
std::string signal_name(int signal);

}  // namespace spotctl
