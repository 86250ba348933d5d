#pragma once

#include <csignal>
#include <functional>
#include <spot_trainer.h>
#include <thread>

namespace spotctl {

/// Receives SIGTERM, SIGINT, SIGUSR1 (and SIGHUP) on a thread of its own while in scope, instead of letting them
/// end the process. Must be made before any other thread, which then inherit the blocked signals.
class Signals {
 public:
  /// `receive` is called on that thread with each signal's number.
  explicit Signals(std::function<void(int signal)> receive);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void wait();

  sigset_t signals_{};
  sigset_t before_{};
  int stop_[2] = {-1, -1};  ///< a pipe whose closing ends the thread
  std::function<void(int)> receive_;
  std::thread thread_;
};

}  // namespace spotctl
