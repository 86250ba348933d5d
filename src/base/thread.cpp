#include "base/thread.h"

#include <csignal>
#include <ctime>
#include <pthread.h>
#include <sched.h>
#include <system_error>

#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

/// Blocks every signal in the calling thread, and so in the threads it starts, while in scope.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

std::thread start_thread(const std::string& name, std::function<void()> body) {
  const SignalsBlocked blocked;
  try {
    return std::thread([name = name.substr(0, 15), body = std::move(body)] {
      pthread_setname_np(pthread_self(), name.c_str());
      body();
    });
  } catch (const std::system_error& error) {
    fail_errno(cat("cannot start thread '", name, "': raise the limit of processes (ulimit -u), or set fewer threads"),
               error.code().value());
  }
}

void set_priority(std::thread& thread, Priority priority) {
  int policy = 0;
  sched_param none{};
  // A host's real-time priority is the host's business.
  if (pthread_getschedparam(thread.native_handle(), &policy, &none) != 0) return;
  if (policy != SCHED_OTHER && policy != SCHED_BATCH) return;
  pthread_setschedparam(thread.native_handle(), priority == Priority::kBatch ? SCHED_BATCH : SCHED_OTHER, &none);
}

std::int64_t thread_processor_ns() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return std::int64_t{spent.tv_sec} * 1'000'000'000 + spent.tv_nsec;
}

}  // namespace spot
