#include "base/held_signal.h"

#include <cerrno>
#include <ctime>
#include <pthread.h>

namespace spot {

HeldSignal::HeldSignal(int signal) {
  sigemptyset(&held_);
  sigaddset(&held_, signal);
  pthread_sigmask(SIG_BLOCK, &held_, &before_);
  sigset_t waiting;
  // Only a blocked signal can wait, so that most calls are spared the question.
  was_waiting_ = sigismember(&before_, signal) == 1 && sigpending(&waiting) == 0 && sigismember(&waiting, signal) == 1;
}

HeldSignal::~HeldSignal() {
  const int error = errno;  // of the call that was guarded
  constexpr timespec kNoWait{};
  while (!was_waiting_ && sigtimedwait(&held_, nullptr, &kNoWait) < 0 && errno == EINTR) {
  }
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  errno = error;
}

}  // namespace spot
