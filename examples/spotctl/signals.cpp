#include "signals.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <sys/signalfd.h>

#include "exit_code.h"
#include "thread.h"

namespace spotctl {
namespace {

/// The ending signals that the process was started with the default action for.
sigset_t held;
sigset_t mask_at_start;
sigset_t defaults_at_start;

std::vector<int> ending_signals() {
  std::vector<int> signals = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM,
                              SIGPROF, SIGXCPU, SIGIO,   SIGPWR,  SIGABRT, SIGTRAP, SIGSYS};
#if defined(SIGSTKFLT)
  signals.push_back(SIGSTKFLT);
#endif
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) signals.push_back(signal);
  return signals;
}

bool has_default_action(int signal) {
  struct sigaction action {};
  return sigaction(signal, nullptr, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 &&
         action.sa_handler == SIG_DFL;
}

}  // namespace

void hold_ending_signals() {
  sigemptyset(&defaults_at_start);
  for (const int signal : {SIGPIPE, SIGXFSZ}) {
    if (has_default_action(signal)) sigaddset(&defaults_at_start, signal);
    std::signal(signal, SIG_IGN);
  }
  sigemptyset(&held);
  // A blocked signal would be heard even where it is ignored: only those of default action are blocked.
  for (const int signal : ending_signals()) {
    if (has_default_action(signal)) sigaddset(&held, signal);
  }
  pthread_sigmask(SIG_BLOCK, &held, &mask_at_start);
}

InheritedSignals inherited_signals() {
  return {mask_at_start, defaults_at_start};
}

void release_ending_signals() {
  pthread_sigmask(SIG_SETMASK, &mask_at_start, nullptr);
}

void wait_for_input(int fd) {
  pollfd input{fd, POLLIN, 0};
  while (ppoll(&input, 1, nullptr, &mask_at_start) < 0 && errno == EINTR) {
  }
}

Signals::Signals(std::function<void(int)> receive)
    : Signals([receive = std::move(receive)](int signal, bool /*by_terminal*/) { receive(signal); }) {}

Signals::Signals(std::function<void(int, bool)> receive) : receive_(std::move(receive)) {
  if (pipe2(stop_, O_CLOEXEC) != 0) throw Failure(kInternal, "cannot make a pipe for signals");
  thread_ = start_thread("signals", [this] { wait(); });
}

Signals::~Signals() {
  close(stop_[1]);
  thread_.join();
  close(stop_[0]);
}

void Signals::wait() {
  const int fd = signalfd(-1, &held, SFD_CLOEXEC);
  pollfd watched[] = {{fd, POLLIN, 0}, {stop_[0], POLLIN, 0}};
  for (;;) {
    const int ready = poll(watched, 2, -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0 || watched[1].revents != 0) break;
    signalfd_siginfo info{};
    if (read(fd, &info, sizeof info) == sizeof info)
      receive_(static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL);
  }
  close(fd);
}

std::string signal_name(int signal) {
  if (signal >= SIGRTMIN) return "SIGRTMIN+" + std::to_string(signal - SIGRTMIN);
  const char* name = sigabbrev_np(signal);
  return name == nullptr ? std::to_string(signal) : std::string("SIG") + name;
}

}  // namespace spotctl
