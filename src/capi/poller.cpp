#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <spot_trainer.h>

#include "base/clock.h"
#include "capi/cancel.h"
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

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

spot_notice to_struct(const spot::Notice& notice) {
  const int64_t now = spot::system_clock().monotonic_ns();
  spot_notice result{};
  result.action = static_cast<int32_t>(notice.action);
  result.id = notice.id;
  result.seconds_left = notice.deadline_ns ? spot::to_seconds(*notice.deadline_ns - now) : kNone;
  result.seconds_since = spot::to_seconds(now - notice.seen_ns);
  result.stale = notice.stale ? 1 : 0;
  result.withdrawn = notice.withdrawn ? 1 : 0;
  result.ends_run = spot::ends_training(notice) ? 1 : 0;
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
  result.seconds_since_success = health.last_success_ns < 0 ? kNone : spot::to_seconds(now - health.last_success_ns);
  spot::write_text(result.source, health.source);
  spot::write_text(result.last_error, health.last_error);
  return result;
}

/// The time until a host's own deadline; nothing where the number is none or beyond any deadline.
std::optional<std::chrono::nanoseconds> time_left(double seconds) {
  constexpr double kLongest = 1e9;
  if (!(std::abs(seconds) <= kLongest)) return std::nullopt;
  return std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

}  // namespace

const char* spot_action_name(int32_t action) {
  const bool known = action >= SPOT_ACTION_TERMINATE && action <= SPOT_ACTION_REQUEST;
  return known ? spot::to_text(static_cast<NoticeAction>(action)) : "unknown";
}

spot_status spot_poller_create(const spot_config* config, spot_poller** out, spot_error** error) {
  return guard(error, [&] {
    const spot::Settings settings = spot::settings_of(config);
    required(out, "out");
    auto handle = std::make_unique<spot_poller>();
    handle->poller =
        std::make_shared<spot::Poller>(spot::poller_options(settings.values), spot::system_clock(), settings.log);
    *out = handle.release();
  });
}

void spot_poller_free(spot_poller* poller) {
  if (poller == nullptr || poller->owner.forked()) return;
  poller->poller->close();
  delete poller;
}

spot_status spot_poller_wait(spot_poller* poller, uint64_t* position, int64_t timeout_ms, spot_cancel* cancel,
                             spot_notice* out, spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(poller, "poller").owner);
    spot::check_struct(out, "out");
    const spot::Cancel stop(cancel);
    const std::shared_ptr<spot::Poller> watched = poller->poller;
    uint64_t place = position == nullptr ? 0 : *position;
    const auto notice = watched->wait(place, std::chrono::milliseconds(timeout_ms), stop.token());
    if (!notice && watched->closed()) spot::fail(spot::Status::kCancelled, "the poller was freed");
    if (!notice && spot_cancel_is_triggered(cancel) != 0) {
      spot::fail(spot::Status::kCancelled, "the spot_cancel was triggered");
    }
    if (!notice) spot::fail(spot::Status::kTimeout, spot::cat("no notice came within ", timeout_ms, " ms"));
    spot::write_struct(out, to_struct(*notice));
    if (position != nullptr) *position = place;
  });
}

spot_status spot_poller_notify(spot_poller* poller, int32_t action, const char* source, const char* detail,
                               double seconds_left, uint64_t* id, spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(poller, "poller").owner);
    if (action < SPOT_ACTION_TERMINATE || action > SPOT_ACTION_REQUEST) {
      spot::fail(spot::Status::kInvalidArgument,
                 spot::cat("'action' is ", action, ": it takes a SPOT_ACTION_... number"));
    }
    const bool named = source != nullptr && *source != '\0';
    const uint64_t given = poller->poller->notify(static_cast<NoticeAction>(action), detail == nullptr ? "" : detail,
                                                  named ? source : "host", time_left(seconds_left));
    if (id != nullptr) *id = given;
  });
}

spot_status spot_poller_withdraw(spot_poller* poller, uint64_t id, spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(poller, "poller").owner);
    if (poller->poller->withdraw(id)) return;
    spot::fail(spot::Status::kNotFound, spot::cat("there is no notice ", id, ", or it was withdrawn before"));
  });
}

spot_status spot_poller_get_health(const spot_poller* poller, spot_poller_health* out, spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(poller, "poller").owner);
    spot::check_struct(out, "out");
    spot::write_struct(out, to_struct(poller->poller->health()));
  });
}
