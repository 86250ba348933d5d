#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <spot_trainer.h>
#include <utility>

#include "base/clock.h"
#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/structs.h"
#include "session/options.h"

using spot::guard;
using spot::required;

namespace {

using spot::NoticeAction;
static_assert(static_cast<int32_t>(NoticeAction::kTerminate) == SPOT_ACTION_TERMINATE);
static_assert(static_cast<int32_t>(NoticeAction::kStop) == SPOT_ACTION_STOP);
static_assert(static_cast<int32_t>(NoticeAction::kHibernate) == SPOT_ACTION_HIBERNATE);
static_assert(static_cast<int32_t>(NoticeAction::kRebalance) == SPOT_ACTION_REBALANCE);
static_assert(static_cast<int32_t>(NoticeAction::kRequest) == SPOT_ACTION_REQUEST);

spot_notice to_struct(const spot::Notice& notice) {
  const int64_t now = spot::system_clock().monotonic_ns();
  spot_notice result{};
  result.action = static_cast<int32_t>(notice.action);
  result.seconds_left = spot::to_seconds(notice.deadline_ns - now);
  result.seconds_since = spot::to_seconds(now - notice.seen_ns);
  result.stale = notice.stale ? 1 : 0;
  spot::write_text(result.source, notice.source);
  spot::write_text(result.detail, notice.detail);
  return result;
}

spot_poller_health to_struct(const spot::PollerHealth& health) {
  const int64_t now = spot::system_clock().monotonic_ns();
  spot_poller_health result{};
  result.disabled = health.disabled ? 1 : 0;
  result.polls = health.polls;
  result.failures_in_a_row = health.failures_in_a_row;
  result.seconds_since_success = health.last_success_ns < 0 ? std::numeric_limits<double>::quiet_NaN()
                                                            : spot::to_seconds(now - health.last_success_ns);
  spot::write_text(result.last_error, health.last_error);
  return result;
}

/// Uses up the wakeups asked for so far; false when there were none.
bool take_wakeup(spot_poller& handle) {
  const uint64_t asked = handle.wakeups.load();
  return handle.obeyed_wakeups.exchange(asked) != asked;
}

/// The next notice. Throws kCancelled after a wakeup, kTimeout.
spot::Notice wait_for_notice(spot_poller& handle, int64_t timeout_ms) {
  using std::chrono::milliseconds;
  using std::chrono::steady_clock;
  const auto start = steady_clock::now();
  for (int64_t left = timeout_ms;;) {
    if (take_wakeup(handle)) {
      spot::fail(spot::Status::kCancelled, "spot_poller_wakeup() was called");
    }
    if (auto notice = handle.poller->wait(milliseconds(left))) return *std::move(notice);
    if (timeout_ms < 0) continue;
    const auto waited = std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
    left = timeout_ms - waited.count();
    if (left <= 0 && handle.wakeups == handle.obeyed_wakeups) {
      spot::fail(spot::Status::kTimeout, spot::cat("no notice came within ", timeout_ms, " ms"));
    }
    left = std::max<int64_t>(left, 0);
  }
}

}  // namespace

spot_status spot_poller_create(const spot_config* config, spot_poller** out, spot_error** error) {
  return guard(error, [&] {
    const spot::Call call(required(config, "config").use);
    required(out, "out");
    auto handle = std::make_unique<spot_poller>();
    handle->poller =
        std::make_shared<spot::Poller>(spot::poller_options(config->values), spot::system_clock(), config->log);
    *out = handle.release();
  });
}

void spot_poller_free(spot_poller* poller) {
  if (poller == nullptr || poller->owner.forked()) return;
  delete poller;
}

spot_status spot_poller_wait(spot_poller* poller, int64_t timeout_ms, spot_notice* out, spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(poller, "poller").owner);
    spot::check_struct(out, "out");
    spot::write_struct(out, to_struct(wait_for_notice(*poller, timeout_ms)));
  });
}

void spot_poller_wakeup(spot_poller* poller) {
  if (poller == nullptr || poller->owner.forked()) return;
  poller->wakeups.fetch_add(1);
  poller->poller->wakeup();
}

spot_status spot_poller_notify(spot_poller* poller, int32_t action, const char* reason, spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(poller, "poller").owner);
    if (action < SPOT_ACTION_TERMINATE || action > SPOT_ACTION_REQUEST) {
      spot::fail(spot::Status::kInvalidArgument,
                 spot::cat("'action' is ", action, ": it takes a SPOT_ACTION_... number"));
    }
    poller->poller->notify(static_cast<NoticeAction>(action), reason == nullptr ? "" : reason);
  });
}

spot_status spot_poller_get_health(const spot_poller* poller, spot_poller_health* out, spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(poller, "poller").owner);
    spot::check_struct(out, "out");
    spot::write_struct(out, to_struct(poller->poller->health()));
  });
}
