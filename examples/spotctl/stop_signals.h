#pragma once

#include <atomic>
#include <memory>

#include "library.h"
#include "signals.h"

namespace spotctl {

/// What the ending signals mean to a run, while in scope.
///
/// The first one is a notice of the poller: the run stops as it does for the provider's, with a checkpoint. A second
/// one, and SIGQUIT, do not wait for an evaluation's end. None of these takes a save that is under way its time:
/// whoever stops a machine sends SIGTERM again and again. Only who asks by hand, with SIGQUIT or a second SIGINT, waits
/// no longer than kPatience for it; then the process ends as it stands, without a core.
class StopSignals {
 public:
  /// Both must outlive it. `interrupted` is the exit code of a stop that loses nothing.
  StopSignals(spot_poller* poller, spot_cancel* cancel, int interrupted);

  /// From now on there is something to lose.
  void begin_run();

 private:
  void receive(int signal);
  void lose_patience() const;

  spot_poller* poller_;
  spot_cancel* cancel_;
  int count_ = 0;
  int interrupts_ = 0;
  bool patient_ = true;
  std::shared_ptr<std::atomic<int>> exit_code_;  ///< of a process that ends as it stands
  Signals signals_;                              ///< the last one: its thread uses the others
};

}  // namespace spotctl
