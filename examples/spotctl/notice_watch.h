#pragma once

#include <atomic>
#include <thread>

#include <spot_trainer.hpp>

namespace spotctl {

/// Lets an interruption that the poller tells of trigger `cancel`: for the time before a run, which hears the poller
/// itself. The signals that stop a run are such interruptions, too.
class NoticeWatch {
 public:
  /// Both must outlive it.
  NoticeWatch(spot_poller* poller, spot_cancel* cancel);
  ~NoticeWatch();
  NoticeWatch(const NoticeWatch&) = delete;
  NoticeWatch& operator=(const NoticeWatch&) = delete;

  /// Triggers nothing from now on. Whether an interruption came.
  bool end();

 private:
  void watch();

  spot_poller* poller_;
  spot_cancel* cancel_;
  spottrainer::Cancel stop_;  ///< of the thread, which takes a moment to hear of it
  std::atomic<bool> came_{false};
  std::thread thread_;
};

}  // namespace spotctl
