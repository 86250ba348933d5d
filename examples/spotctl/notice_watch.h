#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "library.h"

namespace spotctl {

/// Lets an interruption that the poller tells of trigger `cancel`: for the time before a run, which hears the poller
/// itself. The signals that stop a run are such interruptions, too.
class NoticeWatch {
 public:
  /// Both must outlive it. `position`: behind what is known already.
  NoticeWatch(spot_poller* poller, spot_cancel* cancel, std::uint64_t position = 0);
  ~NoticeWatch();
  NoticeWatch(const NoticeWatch&) = delete;
  NoticeWatch& operator=(const NoticeWatch&) = delete;

  /// Triggers nothing from now on. Whether an interruption came.
  bool end();

 private:
  void watch(std::uint64_t position);

  spot_poller* poller_;
  spot_cancel* cancel_;
  spottrainer::Cancel stop_;  ///< of the thread, which takes a moment to hear of it
  std::atomic<bool> came_{false};
  std::thread thread_;
};

/// The key after_durable.
bool waits_after_durable(const Config& config);
/// For after_durable=wait, after an interruption that lost nothing: true once every notice that ends a run is
/// withdrawn, with the place behind them in `position`; false at a further request to stop.
bool withdrawn_in_time(spot_poller* poller, std::uint64_t& position);

}  // namespace spotctl
