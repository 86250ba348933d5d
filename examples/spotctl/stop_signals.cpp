#include "stop_signals.h"

#include <chrono>
#include <csignal>
#include <thread>
#include <unistd.h>

#include "exit_code.h"
#include "terminal.h"
#include "thread.h"

namespace spotctl {
namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr double kSecondsLeft = 30;  // Kubernetes' and systemd's order of magnitude

}  // namespace

StopSignals::StopSignals(spot_poller* poller, spot_cancel* cancel, int interrupted)
    : poller_(poller),
      cancel_(cancel),
      exit_code_(std::make_shared<std::atomic<int>>(interrupted)),
      signals_([this](int signal) { receive(signal); }) {}

void StopSignals::begin_run() {
  *exit_code_ = kInterruptedNotDurable;
}

void StopSignals::receive(int signal) {
  // First the notice: a run that hears it saves, and reports how long that took.
  spot_poller_notify(poller_, SPOT_ACTION_REQUEST, nullptr, signal_name(signal).c_str(), kSecondsLeft, nullptr,
                     nullptr);
  const bool first = ++count_ == 1;
  if (signal == SIGINT) ++interrupts_;
  if (!first || signal == SIGQUIT) spot_cancel_trigger(cancel_);
  if (patient_ && (signal == SIGQUIT || interrupts_ > 1)) {
    patient_ = false;
    lose_patience();
  }
}

void StopSignals::lose_patience() const {
  const auto end_the_process = [exit_code = exit_code_] {
    std::this_thread::sleep_for(kPatience);
    terminal().line("stopped as asked, without waiting longer for the checkpoint");
    terminal().hurry();
    terminal().finish(*exit_code);
    _exit(*exit_code);
  };
  try {
    start_thread("patience", end_the_process).detach();
  } catch (const Failure&) {  // without a thread to count the seconds, the checkpoint is waited for
  }
}

}  // namespace spotctl
