#include "interrupt/poller.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "base/philox.h"
#include "base/text.h"
#include "base/thread.h"
#include "interrupt/known_events.h"
#include "interrupt/notice_log.h"
#include "interrupt/source.h"

namespace spot {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kLongestBackOff = std::chrono::seconds(10);
constexpr std::size_t kErrorLimit = 511;

}  // namespace

const char* to_text(NoticeAction action) {
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
        events_(notices_, clock),
        jitter_(static_cast<std::uint64_t>(clock.wall_ns()), RandomPurpose::kBackOff) {
    std::string why;
    source_ = make_source(options, log_, why);
    if (!source_) {
      health_.disabled = true;
      health_.last_error = why;
      log_.info(cat("no interruption source is watched: ", why));
      return;
    }
    health_.source = source_->name();
    configured_period_ = options.period;
    thread_ = start_thread("spot-poller", [this] { poll(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    stopped_.notify_all();
    if (source_) source_->cancel();
    if (thread_.joinable()) thread_.join();
  }

  NoticeLog& notices() { return notices_; }

  std::uint64_t notify(NoticeAction action, std::string_view detail, std::string_view source,
                       std::optional<nanoseconds> left) {
    const std::int64_t now = clock_.monotonic_ns();
    Notice notice{.source = printable(source, kDetailLimit),
                  .action = action,
                  .detail = printable(detail, kDetailLimit),
                  .seen_ns = now};
    if (left) notice.deadline_ns = now + left->count();
    return notices_.add(std::move(notice));
  }

  [[nodiscard]] PollerHealth health() const {
    const std::lock_guard lock(mutex_);
    return health_;
  }

 private:
  /// The thread. Nothing that a look, the log's receiver or a lack of memory throws may leave it.
  void poll() noexcept {
    for (;;) {
      nanoseconds delay{};
      try {
        delay = look_once();
      } catch (...) {
        delay = note_exception();
      }
      std::unique_lock lock(mutex_);
      if (stopped_.wait_for(lock, delay, [this] { return stop_; })) return;
    }
  }

  /// Returns how long to wait for the next.
  nanoseconds look_once() {
    const Observation observation = source_->look();
    events_.compare(observation);
    return note(observation.unknown, observation.look_on ? nanoseconds(0) : period());
  }

  /// The time between two looks; the source may ask for less than the options do.
  [[nodiscard]] nanoseconds period() const { return std::min(configured_period_, source_->longest_period()); }

  nanoseconds note_exception() noexcept {
    try {
      try {
        throw;
      } catch (const std::bad_alloc&) {
        return note("out of memory", {});
      } catch (const std::exception& error) {
        return note(error.what(), {});
      } catch (...) {
        return note("unknown exception", {});
      }
    } catch (...) {  // no memory for these words either; the numbers are noted
    }
    const std::lock_guard lock(mutex_);
    return back_off();
  }

  /// Keeps the books on one look (`unknown`: why it gave no clear answer, or nothing), logs a change of health once,
  /// and says how long to wait for the next: `delay` after a clear answer.
  nanoseconds note(std::string_view unknown, nanoseconds delay) {
    bool changed = false;
    std::string error;
    {
      const std::lock_guard lock(mutex_);
      const bool was_well = health_.polls > 0 && health_.failures_in_a_row == 0;
      const bool was_ill = health_.failures_in_a_row > 0;
      ++health_.polls;
      if (unknown.empty()) {
        health_.last_success_ns = clock_.monotonic_ns();
        health_.failures_in_a_row = 0;
        health_.last_error.clear();
        changed = !was_well;
      } else {
        ++health_.failures_in_a_row;
        changed = !was_ill;
        delay = back_off();
        health_.last_error = error = printable(unknown, kErrorLimit - 3);
      }
      health_.source = source_->name();
    }
    if (!changed) return delay;
    if (unknown.empty()) {
      log_.info("the interruption source answers");
    } else if (source_->name().empty()) {
      log_.info(cat(error, "; it is looked for again"));
    } else {
      log_.warning(cat("the interruption source gives no clear answer: ", error));
    }
    return delay;
  }

  /// Called with the mutex held.
  nanoseconds back_off() {
    const auto doublings = std::clamp<std::uint64_t>(health_.failures_in_a_row, 1, 21) - 1;
    const auto delay =
        std::min(static_cast<double>(period().count()) * static_cast<double>(std::uint64_t{1} << doublings),
                 static_cast<double>(kLongestBackOff.count()));
    // Spread over three quarters to all of it, so that a fleet does not ask in step.
    return nanoseconds(static_cast<std::int64_t>(delay * (0.75 + 0.25 * jitter_.next_uniform())));
  }

  const Clock& clock_;
  Log log_;
  NoticeLog notices_;
  KnownEvents events_;  ///< the thread's
  std::unique_ptr<Source> source_;
  nanoseconds configured_period_{};
  RandomStream jitter_;

  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  PollerHealth health_;
  bool stop_ = false;
  std::thread thread_;
};

Poller::Poller(const PollerOptions& options, const Clock& clock, Log log)
    : impl_(std::make_unique<Impl>(options, clock, std::move(log))) {}
Poller::~Poller() = default;

std::optional<Notice> Poller::next(std::uint64_t& position) const {
  return impl_->notices().next(position);
}
std::optional<Notice> Poller::wait(std::uint64_t& position, std::chrono::milliseconds timeout,
                                   const CancelToken* cancel) const {
  return impl_->notices().wait(position, timeout, cancel);
}
void Poller::close() {
  impl_->notices().close();
}
bool Poller::closed() const {
  return impl_->notices().closed();
}
std::uint64_t Poller::notify(NoticeAction action, std::string_view detail, std::string_view source,
                             std::optional<std::chrono::nanoseconds> left) {
  return impl_->notify(action, detail, source, left);
}
bool Poller::withdraw(std::uint64_t id) {
  return impl_->notices().withdraw(id);
}
PollerHealth Poller::health() const {
  return impl_->health();
}

}  // namespace spot
