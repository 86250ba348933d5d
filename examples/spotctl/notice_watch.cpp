#include "notice_watch.h"

#include <set>

#include "terminal.h"
#include "thread.h"

namespace spotctl {

NoticeWatch::NoticeWatch(spot_poller* poller, spot_cancel* cancel, std::uint64_t position)
    : poller_(poller), cancel_(cancel), stop_(spottrainer::make<spottrainer::Cancel>(spot_cancel_create)) {
  thread_ = start_thread("notices", [this, position] { watch(position); });
}

NoticeWatch::~NoticeWatch() {
  end();
  thread_.join();
}

bool NoticeWatch::end() {
  spot_cancel_trigger(stop_.get());
  return came_;
}

void NoticeWatch::watch(std::uint64_t position) {
  auto notice = spottrainer::sized<spot_notice>();
  for (;;) {
    if (spot_poller_wait(poller_, &position, -1, stop_.get(), &notice, nullptr) != SPOT_OK) return;
    if (notice.ends_run != 1 || spot_cancel_is_triggered(stop_.get()) == 1) continue;
    came_ = true;
    spot_cancel_trigger(cancel_);
    return;
  }
}

bool waits_after_durable(const Config& config) {
  return value_of(config, "after_durable") == "wait";
}

bool withdrawn_in_time(spot_poller* poller, std::uint64_t& position) {
  terminal().line(
      "everything is saved; waiting until the machine is taken away, the notice is withdrawn, or a further request to "
      "stop comes");
  std::set<std::uint64_t> endings;
  auto notice = spottrainer::sized<spot_notice>();
  // Those that came already, then what comes.
  for (bool all_known = false; !all_known || !endings.empty();) {
    const spot_status status = spot_poller_wait(poller, &position, all_known ? -1 : 0, nullptr, &notice, nullptr);
    if (status == SPOT_E_TIMEOUT) all_known = true;
    if (status != SPOT_OK) continue;
    if (all_known && notice.ends_run == 1 && notice.action == SPOT_ACTION_REQUEST) return false;
    if (notice.ends_run == 1) endings.insert(notice.id);
    if (notice.withdrawn == 1) endings.erase(notice.id);
  }
  terminal().line("the notice is withdrawn");
  return true;
}

}  // namespace spotctl
