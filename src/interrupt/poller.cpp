#include "interrupt/poller.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "base/philox.h"
#include "base/text.h"
#include "base/thread.h"
#include "interrupt/source.h"

namespace spot {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kLongestBackOff = std::chrono::seconds(10);
constexpr std::size_t kDetailLimit = 255;
// What a host that asks to stop can be expected to wait: Kubernetes' and systemd's order of magnitude.
constexpr nanoseconds kHostNotice = std::chrono::seconds(30);

}  // namespace

std::string to_text(NoticeAction action) {
  switch (action) {
    case NoticeAction::kTerminate: return "terminate";
    case NoticeAction::kStop: return "stop";
    case NoticeAction::kHibernate: return "hibernate";
    case NoticeAction::kRebalance: return "rebalance";
    case NoticeAction::kRequest: return "request";
  }
  return "terminate";
}

class Poller::Impl {
 public:
  Impl(const PollerOptions& options, const Clock& clock, Log log)
      : clock_(clock),
        log_(std::move(log)),
        jitter_(static_cast<std::uint64_t>(clock.wall_ns()), RandomPurpose::kBackOff) {
    std::string why;
    source_ = make_source(options, why);
    if (!source_) {
      health_.disabled = true;
      log_.info(cat("no interruption source is watched: ", why));
      return;
    }
    period_ = std::min(options.period, source_->longest_period());
    thread_ = start_thread("spot-poller", [this] { poll(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    if (source_) source_->cancel();
    if (thread_.joinable()) thread_.join();
  }

  std::optional<Notice> wait(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return !notices_.empty() || wakeup_; };
    if (timeout < std::chrono::milliseconds(0)) {
      changed_.wait(lock, ready);
    } else {
      changed_.wait_for(lock, timeout, ready);
    }
    if (!notices_.empty()) return pop();
    wakeup_ = false;
    return std::nullopt;
  }

  std::optional<Notice> take() {
    if (!pending_.load(std::memory_order_acquire)) return std::nullopt;
    const std::lock_guard lock(mutex_);
    if (notices_.empty()) return std::nullopt;
    return pop();
  }

  void wakeup() {
    {
      const std::lock_guard lock(mutex_);
      wakeup_ = true;
    }
    changed_.notify_all();
  }

  /// Files a sighting unless its action was seen before.
  void file(const Sighting& sighting, bool repeatable) {
    const std::int64_t now = clock_.monotonic_ns();
    const std::int64_t wall = clock_.wall_ns();
    Notice notice{.source = sighting.source,
                  .action = sighting.action,
                  .detail = printable(sighting.detail, kDetailLimit - 3),
                  .seen_ns = now,
                  .deadline_ns = now + sighting.notice.count(),
                  .stale = false};
    if (sighting.stated_ns) {
      // The machine's idea of the time may be wrong: a stated time can only bring the deadline forward, and
      // one that has passed only marks the notice.
      notice.stale = *sighting.stated_ns < wall;
      if (!notice.stale) notice.deadline_ns = std::min(notice.deadline_ns, now + *sighting.stated_ns - wall);
    }
    {
      const std::lock_guard lock(mutex_);
      if (!seen_.insert(sighting.action).second && !repeatable) return;
      notices_.push_back(std::move(notice));
      pending_.store(true, std::memory_order_release);
    }
    changed_.notify_all();
  }

  [[nodiscard]] PollerHealth health() const {
    const std::lock_guard lock(mutex_);
    return health_;
  }

 private:
  Notice pop() {
    Notice notice = std::move(notices_.front());
    notices_.pop_front();
    pending_.store(!notices_.empty(), std::memory_order_release);
    return notice;
  }

  void poll() {
    for (;;) {
      const Observation observation = source_->look();
      for (const Sighting& sighting : observation.sightings) file(sighting, false);
      std::unique_lock lock(mutex_);
      if (stop_) return;
      const nanoseconds delay = note(observation);
      if (changed_.wait_for(lock, delay, [this] { return stop_; })) return;
    }
  }

  /// Keeps the books on one look, logs a change of health once, and says how long to wait for the next.
  nanoseconds note(const Observation& observation) {
    const bool was_well = health_.failures_in_a_row == 0;
    const bool first = health_.polls++ == 0;
    if (observation.unknown.empty()) {
      health_.last_success_ns = clock_.monotonic_ns();
      health_.failures_in_a_row = 0;
      health_.last_error.clear();
      if (first || !was_well) log_.info("the interruption source answers");
      return period_;
    }
    ++health_.failures_in_a_row;
    health_.last_error = printable(observation.unknown, kDetailLimit - 3);
    if (was_well) log_.warning(cat("the interruption source gives no clear answer: ", health_.last_error));
    const auto doublings = std::min<std::uint64_t>(health_.failures_in_a_row - 1, 20);
    const auto back_off =
        std::min<double>(static_cast<double>(period_.count()) * static_cast<double>(std::uint64_t{1} << doublings),
                         static_cast<double>(kLongestBackOff.count()));
    // Spread over three quarters to all of it, so that a fleet does not ask in step.
    return nanoseconds(static_cast<std::int64_t>(back_off * (0.75 + 0.25 * jitter_.next_uniform())));
  }

  const Clock& clock_;
  Log log_;
  std::unique_ptr<Source> source_;
  nanoseconds period_{};
  RandomStream jitter_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Notice> notices_;
  std::atomic<bool> pending_{false};  ///< notices_ is not empty
  std::set<NoticeAction> seen_;       ///< of this machine: however often its time slides, it is one event
  PollerHealth health_;
  bool wakeup_ = false;
  bool stop_ = false;
  std::thread thread_;
};

Poller::Poller(const PollerOptions& options, const Clock& clock, Log log)
    : impl_(std::make_unique<Impl>(options, clock, std::move(log))) {}
Poller::~Poller() = default;

std::optional<Notice> Poller::wait(std::chrono::milliseconds timeout) {
  return impl_->wait(timeout);
}
std::optional<Notice> Poller::take() {
  return impl_->take();
}
void Poller::wakeup() {
  impl_->wakeup();
}
PollerHealth Poller::health() const {
  return impl_->health();
}

void Poller::notify(NoticeAction action, const std::string& reason) {
  impl_->file({.source = "host", .action = action, .detail = reason, .notice = kHostNotice}, true);
}

}  // namespace spot
