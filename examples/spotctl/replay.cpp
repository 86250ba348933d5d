#include "replay.h"

#include <algorithm>
#include <deque>
#include <limits>

namespace spotctl {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

std::int64_t rounded_up(std::int64_t time, std::int64_t step) {
  return time <= 0 ? 0 : 1 + (time - 1) / step;
}

/// The life of one machine.
class Machine {
 public:
  Machine(const PlannedJob& job, std::optional<spot::SavePolicy> policy, Uptime uptime, bool is_taken_away,
          Replay& result)
      : job_(job), policy_(std::move(policy)), uptime_(uptime), is_taken_away_(is_taken_away), result_(result) {
    now_ = save_began_ = durable_at_ = uptime.up_ns + job.start_ns;
    if (policy_ && is_taken_away && job.notice_ns > 0) notice_ns_ = uptime.down_ns - job.notice_ns;
  }

  void live() {
    ++result_.starts;
    step_ = result_.steps;
    mark(uptime_.up_ns);
    if (now_ < uptime_.down_ns) mark(now_);
    while (now_ < notice_ns_ && now_ + job_.step_ns <= uptime_.down_ns) {
      advance();
      if (step_ == job_.steps) break;
      if (policy_ && policy_->due({.step = static_cast<std::uint64_t>(step_),
                                   .steps_per_epoch = static_cast<std::uint64_t>(job_.steps),
                                   .since_save_ns = now_ - save_began_,
                                   .saving = now_ < durable_at_})) {
        save();
      }
    }
    const bool hears_notice = now_ >= notice_ns_ && now_ <= uptime_.down_ns;
    if (step_ == job_.steps || (hears_notice && step_ > result_.steps)) save();
    end();
  }

 private:
  struct Save {
    std::int64_t step;
    std::int64_t durable_at_ns;
  };

  void mark(std::int64_t at_ns) { result_.line.push_back({at_ns, step_}); }

  /// As many steps as end before anything else can happen, one at least.
  void advance() {
    std::int64_t steps = std::min(job_.steps - step_, (uptime_.down_ns - now_) / job_.step_ns);
    if (notice_ns_ != kNever) steps = std::min(steps, rounded_up(notice_ns_ - now_, job_.step_ns));
    if (policy_) {
      const std::int64_t due = save_began_ + policy_->interval_ns();
      steps = std::min(steps, rounded_up((policy_->automatic ? std::max(due, durable_at_) : due) - now_, job_.step_ns));
    }
    steps = std::max<std::int64_t>(steps, 1);
    step_ += steps;
    now_ += steps * job_.step_ns;
  }

  /// Of the present step. The thread that writes does one save after the other.
  void save() {
    durable_at_ = std::max(durable_at_, now_) + job_.durable_ns;
    saves_.push_back({step_, durable_at_});
    forget_durable();
    save_began_ = now_;
    now_ += job_.save_ns;
    ++result_.saves;
    result_.saving_ns += std::min(job_.save_ns, uptime_.down_ns - save_began_);
    if (policy_ && policy_->automatic) policy_->automatic->learn(job_.save_ns);
  }

  /// Keeps the newest of the saves that are durable by now, and those that are not.
  void forget_durable() {
    while (saves_.size() > 1 && saves_[1].durable_at_ns <= now_) saves_.pop_front();
  }

  void end() {
    const bool is_done = step_ == job_.steps && durable_at_ <= uptime_.down_ns;
    const std::int64_t end_ns = is_done ? durable_at_ : uptime_.down_ns;
    mark(std::min(now_, end_ns));
    mark(end_ns);
    if (is_taken_away_ && !is_done) {
      std::int64_t kept = policy_ ? result_.steps : 0;
      for (const Save& save : saves_) {
        if (save.durable_at_ns <= uptime_.down_ns) kept = save.step;
      }
      result_.lost_steps += step_ - kept;
      step_ = kept;
      mark(end_ns);
    }
    result_.steps = step_;
    result_.done = is_done;
    result_.end_ns = end_ns;
    result_.machine_ns += end_ns - uptime_.up_ns;
  }

  const PlannedJob& job_;
  std::optional<spot::SavePolicy> policy_;
  Uptime uptime_;
  bool is_taken_away_;
  Replay& result_;
  std::int64_t notice_ns_ = kNever;
  std::int64_t now_ = 0;
  std::int64_t step_ = 0;
  std::int64_t save_began_ = 0;  ///< the last, or training
  std::int64_t durable_at_ = 0;  ///< when the last save is
  std::deque<Save> saves_;
};

}  // namespace

Replay replay(const SpotTrace& trace, const PlannedJob& job, const std::optional<spot::SavePolicy>& policy) {
  Replay result;
  for (const Uptime& uptime : trace.uptimes) {
    const bool outlives = trace.ends_up && &uptime == &trace.uptimes.back();
    Machine(job, policy, uptime, !outlives, result).live();
    if (result.done) return result;
  }
  result.end_ns = trace.end_ns;
  return result;
}

}  // namespace spotctl
