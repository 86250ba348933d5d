#include "checkpoint/async_writer.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "base/text.h"
#include "base/thread.h"

namespace spot {

AsyncWriter::AsyncWriter(CheckpointStore& store, StateLayout layout, const Clock& clock, Log log)
    : store_(store), layout_(std::move(layout)), clock_(clock), log_(std::move(log)) {
  // Zeroed, and so touched: the first save must not pay for page faults.
  for (Buffer& buffer : buffers_) buffer.values.assign(layout_.size(), 0.0F);
  thread_ = start_thread("spot-writer", [this] { work(); });
}

AsyncWriter::~AsyncWriter() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void AsyncWriter::prepare() {
  {
    const std::lock_guard lock(mutex_);
    prepare_ = true;
  }
  changed_.notify_all();
}

AsyncWriter::Buffer& AsyncWriter::acquire() {
  std::unique_lock lock(mutex_);
  const auto find_free = [this] {
    return std::find_if(buffers_.begin(), buffers_.end(), [](const Buffer& b) { return b.free; });
  };
  changed_.wait(lock, [&] { return find_free() != buffers_.end(); });
  Buffer& buffer = *find_free();
  buffer.free = false;
  return buffer;
}

void AsyncWriter::release(Buffer& buffer) {
  {
    const std::lock_guard lock(mutex_);
    buffer.free = true;
  }
  changed_.notify_all();
}

std::uint64_t AsyncWriter::submit(CheckpointMeta meta, const std::function<void(std::span<float>)>& fill) {
  const std::int64_t start = clock_.monotonic_ns();
  Buffer& buffer = acquire();
  try {
    fill(buffer.values);
  } catch (...) {
    release(buffer);
    throw;
  }
  buffer.meta = std::move(meta);
  buffer.submitted_ns = start;
  buffer.stall_ns = clock_.monotonic_ns() - start;
  std::uint64_t ticket = 0;
  try {
    buffer.run_id = buffer.meta.run_id;
    buffer.out_of_memory = {};
    buffer.out_of_memory.error = Error(Status::kNoMemory, "out of memory while saving a checkpoint");
    buffer.out_of_memory.report.step = buffer.meta.step;
    buffer.out_of_memory.report.reason = buffer.meta.reason;
    buffer.out_of_memory.report.stall_ns = buffer.stall_ns;
    const std::lock_guard lock(mutex_);
    // The thread, which nobody could tell, is not to run out of memory where it notes the outcome.
    outcomes_.reserve(outcomes_.size() + queue_.size() + 2);
    queue_.push_back(&buffer);
    ticket = ++submitted_;
  } catch (...) {
    release(buffer);
    throw;
  }
  changed_.notify_all();
  return ticket;
}

void AsyncWriter::wait(std::uint64_t ticket) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return finished_ >= ticket; });
}

void AsyncWriter::wait_all() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return queue_.empty() && !busy_ && !prepare_; });
}

std::vector<SaveOutcome> AsyncWriter::take_outcomes() {
  const std::lock_guard lock(mutex_);
  std::vector<SaveOutcome> taken;
  taken.reserve(queue_.size() + 2);
  taken.swap(outcomes_);
  return taken;
}

SaveOutcome AsyncWriter::try_to_save(const Buffer& buffer) {
  SaveOutcome outcome;
  outcome.report.step = buffer.meta.step;
  outcome.report.reason = buffer.meta.reason;
  outcome.report.stall_ns = buffer.stall_ns;
  try {
    SaveReport report = store_.commit(buffer.meta, {&layout_, buffer.values});
    report.durable_ns = report.durable_at_ns - buffer.submitted_ns;
    report.stall_ns = buffer.stall_ns;
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

SaveOutcome AsyncWriter::save(Buffer& buffer) {
  try {
    return try_to_save(buffer);
  } catch (const std::bad_alloc&) {
    return std::move(buffer.out_of_memory);
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

/// What can wait until nobody waits: retention after a save of run `run_id`, and a file for the next save.
void AsyncWriter::tidy_up(const std::string* run_id) {
  try {
    try {
      if (run_id != nullptr) store_.prune(*run_id, [this] { return save_is_waiting(); });
      // Retention is owed at the end, too; nobody needs a file for a next save then.
      store_.prepare(layout_.size() * sizeof(float), [this] { return save_is_waiting() || is_ending(); });
    } catch (const std::exception& error) {
      log_.warning(cat("old checkpoints were not removed, or no file made ready for the next: ", error.what()));
    }
  } catch (const std::bad_alloc&) {  // not even for the warning
  }
}

void AsyncWriter::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || prepare_ || !queue_.empty(); });
    if (queue_.empty() && stop_) return;
    busy_ = true;
    if (queue_.empty()) {
      prepare_ = false;
      lock.unlock();
      tidy_up(nullptr);
    } else {
      Buffer& buffer = *queue_.front();
      queue_.pop_front();
      lock.unlock();
      std::string run_id;
      run_id.swap(buffer.run_id);
      SaveOutcome outcome = save(buffer);
      const bool durable = !outcome.error;
      lock.lock();
      outcomes_.push_back(std::move(outcome));
      buffer.free = true;
      ++finished_;
      lock.unlock();
      changed_.notify_all();
      if (durable) tidy_up(&run_id);
    }
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace spot
