// host VOLUME MODE KEY=VALUE…: what a host program does that a library must bear.
//
//     fork       forks again and again while a save is in progress: the child is inert, the parent saves on
//     orphan     saves, forks a child that lives on for ten seconds, and ends: the child must not keep the volume
//     sigpipe    watches and downloads from servers that hang up, with SIGPIPE at its default
//     pipe       the control: writes into a closed pipe itself
//
// Prints "held COUNT".

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>
#include <unistd.h>

#include <sys/wait.h>

#include "fault/handles.h"

using namespace spot::test;

namespace {

constexpr int kForks = 60;

/// In the child: every handle of the parent says so, and freeing does nothing.
bool is_inert(spot_trainer* trainer, spot_poller* poller, const spot_config* config) {
  char hash[33];
  auto notice = sized<spot_notice>();
  spot_trainer* another = nullptr;
  const bool refused = spot_trainer_get_state_hash(trainer, hash, nullptr) == SPOT_E_FORKED &&
                       spot_trainer_step(trainer, 1, nullptr, nullptr, nullptr) == SPOT_E_FORKED &&
                       spot_trainer_checkpoint(trainer, nullptr, nullptr, nullptr) == SPOT_E_FORKED &&
                       spot_trainer_restore(trainer, nullptr, nullptr, nullptr) == SPOT_E_FORKED &&
                       spot_trainer_create(config, nullptr, nullptr, &another, nullptr) == SPOT_E_FORKED &&
                       spot_poller_wait(poller, nullptr, 0, nullptr, &notice, nullptr) == SPOT_E_FORKED;
  spot_trainer_free(trainer);
  spot_poller_free(poller);
  return refused;
}

int fork_in_save(const Config& config) {
  const Trainer trainer = make_trainer(config);
  const Poller poller = make_poller(config);
  std::atomic<bool> stop{false};
  std::atomic<int> saves{0};
  std::thread saver([&] {
    while (!stop) {
      must("step", spot_trainer_step, trainer.get(), 1, nullptr, nullptr);
      must("checkpoint", spot_trainer_checkpoint, trainer.get(), nullptr, nullptr);
      ++saves;
    }
  });
  for (int i = 0; i < kForks; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(777 * (i % 7)));
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);  // a child that hangs ends by SIGALRM
      _exit(is_inert(trainer.get(), poller.get(), config.get()) ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) give_up("a child was not inert: " + std::to_string(status));
  }
  stop = true;
  saver.join();
  if (saves == 0) give_up("no save was made meanwhile");
  return kForks;
}

int leave_an_orphan(const Config& config) {
  const Trainer trainer = make_trainer(config);
  must("step", spot_trainer_step, trainer.get(), 3, nullptr, nullptr);
  must("checkpoint", spot_trainer_checkpoint, trainer.get(), nullptr, nullptr);
  if (fork() == 0) {
    // Not a word on the parent's pipe, or whoever reads it would wait for this child.
    ::close(STDOUT_FILENO);
    ::close(STDERR_FILENO);
    sleep(10);
    _exit(0);
  }
  std::printf("held 1\n");
  std::fflush(stdout);
  _exit(0);  // as a process dies that is killed: nothing is tidied up
}

int hang_up(const Config& config) {
  const Poller poller = make_poller(config);
  spot_trainer* trainer = nullptr;
  const spot_status status = spot_trainer_create(config.get(), nullptr, nullptr, &trainer, nullptr);
  if (status != SPOT_E_NETWORK) give_up(std::string("downloading answers ") + spot_status_name(status));
  auto health = sized<spot_poller_health>();
  for (int i = 0; i < 500 && health.failures_in_a_row < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    spot_poller_get_health(poller.get(), &health, nullptr);
  }
  if (health.failures_in_a_row < 3) give_up("the poller met no hang-up");
  sigset_t pending;
  sigpending(&pending);
  if (sigismember(&pending, SIGPIPE) == 1) give_up("a SIGPIPE is left pending");
  return static_cast<int>(health.failures_in_a_row);
}

int write_into_closed_pipe() {
  int ends[2];
  if (pipe(ends) != 0) give_up("no pipe");
  ::close(ends[0]);
  return static_cast<int>(::write(ends[1], "x", 1));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  std::signal(SIGPIPE, SIG_DFL);
  const std::string mode = argv[2];
  const Config config = make_config(argv[1], argv + 3, argc - 3);
  int held = 0;
  if (mode == "fork") held = fork_in_save(config);
  if (mode == "orphan") held = leave_an_orphan(config);
  if (mode == "sigpipe") held = hang_up(config);
  if (mode == "pipe") held = write_into_closed_pipe();
  std::printf("held %d\n", held);
  return 0;
}
