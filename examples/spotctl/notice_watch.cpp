#include "notice_watch.h"

#include "thread.h"

namespace spotctl {

NoticeWatch::NoticeWatch(spot_poller* poller, spot_cancel* cancel)
    : poller_(poller), cancel_(cancel), stop_(spottrainer::make<spottrainer::Cancel>(spot_cancel_create)) {
  thread_ = start_thread("notices", [this] { watch(); });
}

NoticeWatch::~NoticeWatch() {
  end();
  thread_.join();
}

bool NoticeWatch::end() {
  spot_cancel_trigger(stop_.get());
  return came_;
}

void NoticeWatch::watch() {
  auto notice = spottrainer::sized<spot_notice>();
  for (std::uint64_t position = 0;;) {
    if (spot_poller_wait(poller_, &position, -1, stop_.get(), &notice, nullptr) != SPOT_OK) return;
    if (notice.ends_run != 1 || spot_cancel_is_triggered(stop_.get()) == 1) continue;
    came_ = true;
    spot_cancel_trigger(cancel_);
    return;
  }
}

}  // namespace spotctl
