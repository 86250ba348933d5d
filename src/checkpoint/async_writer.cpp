#include "checkpoint/async_writer.h"

#include <chrono>
#include <exception>
#include <new>
#include <utility>

#include "base/text.h"

namespace spot {

AsyncWriter::AsyncWriter(CheckpointStore& store, std::size_t state_bytes, const Clock& clock, Log log)
    : store_(store), state_bytes_(state_bytes), clock_(clock), log_(std::move(log)) {
  thread_ = start_thread("spot-writer", [this] { work(); });
  const std::lock_guard lock(mutex_);
  choose_priority();
}

AsyncWriter::~AsyncWriter() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    choose_priority();
  }
  changed_.notify_all();
  thread_.join();
}

/// With the mutex held.
void AsyncWriter::choose_priority() {
  const bool hurry = waiting_ > 0 || finished_ < urgent_ || stop_;
  const Priority wanted = hurry ? Priority::kNormal : Priority::kBatch;
  if (wanted != priority_) set_priority(thread_, wanted);
  priority_ = wanted;
}

/// With the mutex held at both ends.
class AsyncWriter::Waiting {
 public:
  explicit Waiting(AsyncWriter& writer) : writer_(writer) {
    ++writer_.waiting_;
    writer_.choose_priority();
  }
  ~Waiting() {
    --writer_.waiting_;
    writer_.choose_priority();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  AsyncWriter& writer_;
};

namespace {

/// Lets go of the mutex while in scope.
class Unlocked {
 public:
  explicit Unlocked(std::unique_lock<std::mutex>& lock) : lock_(lock) { lock_.unlock(); }
  ~Unlocked() { lock_.lock(); }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  std::unique_lock<std::mutex>& lock_;
};

bool ask_unlocked(std::unique_lock<std::mutex>& lock, const StopCheck& stop) {
  const Unlocked unlocked(lock);
  return stop();
}

}  // namespace

/// With the mutex held at both ends, but not while `stop`, which may throw, is asked.
template <typename Condition>
void AsyncWriter::wait_until(std::unique_lock<std::mutex>& lock, const StopCheck& stop, const Condition& condition) {
  constexpr std::chrono::milliseconds kAskAgain{50};
  const Waiting waiting(*this);
  if (!stop) return changed_.wait(lock, condition);
  while (!changed_.wait_for(lock, kAskAgain, condition)) {
    if (ask_unlocked(lock, stop)) {
      fail(Status::kCancelled, "cancelled while waiting for a save, which goes on");
    }
  }
}

void AsyncWriter::prepare(std::string run_id) {
  {
    const std::lock_guard lock(mutex_);
    prepare_ = true;
    prepare_for_ = std::move(run_id);
  }
  changed_.notify_all();
}

std::uint64_t AsyncWriter::submit(CheckpointMeta meta, SaveReason reason, std::unique_ptr<const StateReader> state,
                                  std::int64_t asked_ns, const StopCheck& stop) {
  auto save = std::make_unique<Save>();
  save->run_id = meta.run_id;
  save->out_of_memory.error = Error(Status::kNoMemory, "out of memory while saving a checkpoint");
  save->out_of_memory.report.step = meta.step;
  save->out_of_memory.report.reason = reason;
  save->meta = std::move(meta);
  save->meta.reason = to_text(reason);
  save->reason = reason;
  save->state = std::move(state);
  save->asked_ns = asked_ns;

  std::unique_ptr<Save> superseded;  // freed without the mutex
  std::unique_lock lock(mutex_);
  if (!is_superseded_by(reason) && submitted_ - finished_ >= kMostSaves) {
    wait_until(lock, stop, [this] { return submitted_ - finished_ < kMostSaves; });
  }
  // The thread, which nobody could tell, is not to run out of memory where it notes the outcome.
  outcomes_.reserve(outcomes_.size() + kMostSaves);
  save->stall_ns = clock_.monotonic_ns() - asked_ns;
  save->out_of_memory.report.stall_ns = save->stall_ns;
  if (is_superseded_by(reason)) {
    superseded = std::move(queue_.back());
    save->superseded = save->out_of_memory.report.superseded = superseded->superseded + 1;
    queue_.back() = std::move(save);
  } else {
    queue_.push_back(std::move(save));
    ++submitted_;
  }
  const std::uint64_t ticket = submitted_;
  if (is_urgent(reason)) urgent_ = ticket;
  choose_priority();
  lock.unlock();
  changed_.notify_all();
  return ticket;
}

/// Whether the last save that has not begun gives way to one of that reason. With the mutex held.
bool AsyncWriter::is_superseded_by(SaveReason reason) const {
  return is_urgent(reason) && !queue_.empty() && queue_.back()->reason == SaveReason::kInterval;
}

void AsyncWriter::wait(std::uint64_t ticket, const StopCheck& stop) {
  std::unique_lock lock(mutex_);
  wait_until(lock, stop, [&] { return finished_ >= ticket; });
}

void AsyncWriter::wait_all(const StopCheck& stop) {
  std::unique_lock lock(mutex_);
  wait_until(lock, stop, [&] { return queue_.empty() && !busy_ && !prepare_; });
}

std::vector<SaveOutcome> AsyncWriter::take_outcomes() {
  const std::lock_guard lock(mutex_);
  std::vector<SaveOutcome> taken;
  taken.reserve(kMostSaves);
  taken.swap(outcomes_);
  return taken;
}

SaveOutcome AsyncWriter::try_to_save(const Save& save) {
  SaveOutcome outcome;
  outcome.report.step = save.meta.step;
  outcome.report.reason = save.reason;
  outcome.report.stall_ns = save.stall_ns;
  outcome.report.superseded = save.superseded;
  try {
    const std::int64_t processor_ns = thread_processor_ns();
    SaveReport report = store_.commit(save.meta, *save.state);
    report.processor_ns = thread_processor_ns() - processor_ns;
    report.durable_ns = report.durable_at_ns - save.asked_ns;
    report.stall_ns = save.stall_ns;
    report.reason = save.reason;
    report.superseded = save.superseded;
    outcome.report = std::move(report);
  } catch (const Error& error) {
    outcome.error = error;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    outcome.error = Error(Status::kInternal, cat("saving a checkpoint failed: ", error.what()));
  }
  return outcome;
}

SaveOutcome AsyncWriter::save(Save& save) {
  try {
    return try_to_save(save);
  } catch (const std::bad_alloc&) {
    return std::move(save.out_of_memory);
  }
}

bool AsyncWriter::save_is_waiting() {
  const std::lock_guard lock(mutex_);
  return !queue_.empty();
}

bool AsyncWriter::is_ending() {
  const std::lock_guard lock(mutex_);
  return stop_;
}

/// What can wait until nobody waits: retention after a save of run `run_id`, or what it has to read before the first
/// one, and a file for the next save.
void AsyncWriter::tidy_up(const std::string& run_id, bool saved) {
  // Retention is owed at the end, too; nobody needs the rest then.
  const StopCheck stop = [this] { return save_is_waiting() || is_ending(); };
  try {
    try {
      if (saved) {
        store_.prune(run_id, [this] { return save_is_waiting(); });
      } else {
        store_.look_around(run_id, stop);
      }
      store_.prepare(state_bytes_, stop);
    } catch (const std::exception& error) {
      log_.warning(cat("old checkpoints were not removed, or no file made ready for the next: ", error.what()));
    }
  } catch (const std::bad_alloc&) {  // not even for the warning
  }
}

void AsyncWriter::work_on(std::unique_ptr<Save> save) {
  std::string run_id;
  run_id.swap(save->run_id);
  SaveOutcome outcome = this->save(*save);
  const bool durable = !outcome.error;
  save.reset();  // before anybody hears of the outcome: the state is not read any more
  {
    const std::lock_guard lock(mutex_);
    outcomes_.push_back(std::move(outcome));
    ++finished_;
    choose_priority();
  }
  changed_.notify_all();
  if (durable) tidy_up(run_id, true);
}

void AsyncWriter::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || prepare_ || !queue_.empty(); });
    if (queue_.empty() && stop_) return;
    busy_ = true;
    std::unique_ptr<Save> save;
    std::string run_id;
    if (queue_.empty()) {
      prepare_ = false;
      run_id.swap(prepare_for_);
    } else {
      save = std::move(queue_.front());
      queue_.pop_front();
    }
    lock.unlock();
    if (save == nullptr) {
      tidy_up(run_id, false);
    } else {
      work_on(std::move(save));
    }
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace spot
