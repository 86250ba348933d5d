#include "signals.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>
#include <utility>

#include <sys/signalfd.h>

#include "exit_code.h"

namespace spotctl {

Signals::Signals(std::function<void(int)> receive) : receive_(std::move(receive)) {
  sigemptyset(&signals_);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGHUP}) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  if (pipe(stop_) != 0) throw Failure(kInternal, "cannot make a pipe for signals");
  thread_ = std::thread([this] { wait(); });
}

Signals::~Signals() {
  close(stop_[1]);
  thread_.join();
  close(stop_[0]);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Signals::wait() {
  const int fd = signalfd(-1, &signals_, SFD_CLOEXEC);
  pollfd watched[] = {{fd, POLLIN, 0}, {stop_[0], POLLIN, 0}};
  while (poll(watched, 2, -1) >= 0 && watched[1].revents == 0) {
    signalfd_siginfo info{};
    if (read(fd, &info, sizeof info) == sizeof info) receive_(static_cast<int>(info.ssi_signo));
  }
  close(fd);
}

}  // namespace spotctl
