#include "interrupt/known_events.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/text.h"

namespace spot {
namespace {

constexpr std::int64_t kSlideNs = std::chrono::nanoseconds(std::chrono::minutes(10)).count();

}  // namespace

std::int64_t KnownEvents::now_of(const Sighting& sighting) const {
  return sighting.now_ns.value_or(clock_.wall_ns());
}

Notice KnownEvents::notice_of(const Sighting& sighting) const {
  const std::int64_t now = clock_.monotonic_ns();
  Notice notice{.source = sighting.source,
                .action = sighting.action,
                .detail = printable(sighting.detail, kDetailLimit),
                .seen_ns = now,
                .stale = sighting.left_over,
                .left_over = sighting.left_over};
  if (!sighting.notice) return notice;
  notice.deadline_ns = now + sighting.notice->count();
  if (sighting.stated_ns) {
    // The clock may be wrong: a stated time can only bring the deadline forward, and one that has passed only marks
    // the notice.
    const std::int64_t left = *sighting.stated_ns - now_of(sighting);
    notice.stale = notice.stale || left < 0;
    if (left >= 0) notice.deadline_ns = std::min(*notice.deadline_ns, now + left);
    const bool may_be_old = is_from_before(sighting) && !clear_before_.contains(sighting.group);
    notice.left_over = notice.left_over || may_be_old;
  }
  if (notice.left_over) notice.deadline_ns.reset();
  return notice;
}

bool KnownEvents::is_from_before(const Sighting& sighting) const {
  const std::int64_t watched_ns = clock_.monotonic_ns() - began_ns_;
  return sighting.left_over || (sighting.stated_ns && *sighting.stated_ns < now_of(sighting) - watched_ns);
}

bool KnownEvents::is_another(const Event& known, const Sighting& sighting) const {
  if (known.left_over && !is_from_before(sighting)) return true;
  if (known.action == NoticeAction::kTerminate || !known.stated_ns || !sighting.stated_ns) return false;
  return *sighting.stated_ns - *known.stated_ns >= kSlideNs && *known.stated_ns < now_of(sighting);
}

void KnownEvents::meet(const Sighting& sighting) {
  const auto known = std::ranges::find_if(events_, [&](const Event& event) { return event.is_that_of(sighting); });
  const Notice notice = notice_of(sighting);
  if (known != events_.end() && !is_another(*known, sighting)) {
    if (notice.deadline_ns) log_.hasten(known->id, *notice.deadline_ns);
    return;
  }
  Event event{sighting.group, sighting.action, sighting.event_id, sighting.stated_ns, notice.left_over, 0};
  if (known != events_.end()) {
    log_.withdraw(known->id);
    event.id = log_.add(notice);
    *known = std::move(event);
    return;
  }
  events_.reserve(events_.size() + 1);  // so that nothing can fail once it is told
  event.id = log_.add(notice);
  events_.push_back(std::move(event));
}

void KnownEvents::compare(const Observation& observation) {
  for (const Sighting& sighting : observation.sightings) meet(sighting);
  const auto is_over = [&](const Event& event) {
    const auto shows = [&](const Sighting& sighting) { return event.is_that_of(sighting); };
    return std::ranges::find(observation.clear, event.group) != observation.clear.end() &&
           std::ranges::none_of(observation.sightings, shows);
  };
  for (std::size_t i = events_.size(); i-- > 0;) {
    if (!is_over(events_[i])) continue;
    log_.withdraw(events_[i].id);
    events_.erase(events_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  clear_before_.insert(observation.clear.begin(), observation.clear.end());
}

}  // namespace spot
