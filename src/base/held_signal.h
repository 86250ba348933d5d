#pragma once

#include <csignal>

namespace spot {

/// Keeps one signal, which the kernel sends to the thread whose system call failed, from the calling thread while in
/// scope: SIGPIPE for a connection that is closed, SIGXFSZ for a file beyond the process's limit. The thread may be
/// the host's own, and the signal would end the host; the call's error (EPIPE, EFBIG) says the same. A signal that
/// arrives meanwhile is taken away, one that was waiting before is left.
class HeldSignal {
 public:
  explicit HeldSignal(int signal);
  ~HeldSignal();
  HeldSignal(const HeldSignal&) = delete;
  HeldSignal& operator=(const HeldSignal&) = delete;

 private:
  sigset_t held_;
  sigset_t before_;
  bool was_waiting_ = false;
};

}  // namespace spot
