#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "checkpoint/store.h"

namespace spot {

/// The outcome of one save: a report, or the error that kept it from becoming durable.
struct SaveOutcome {
  SaveReport report;
  std::optional<Error> error;
};

/// Commits states on a thread of its own. Two snapshot buffers: while one is being written the next save can
/// be taken; a third waits, it is never dropped.
class AsyncWriter {
 public:
  /// `store` and `clock` must outlive it; no one else may use the store while saves are in progress.
  AsyncWriter(CheckpointStore& store, StateLayout layout, const Clock& clock, Log log);
  ~AsyncWriter();  ///< finishes what was submitted
  AsyncWriter(const AsyncWriter&) = delete;
  AsyncWriter& operator=(const AsyncWriter&) = delete;

  /// Lets the thread make a file ready for the first save, while there is nothing else to do.
  void prepare();

  /// Waits for a free buffer, lets `fill` copy the state into it and hands it to the thread. Returns a ticket.
  /// The time spent here is the stall.
  std::uint64_t submit(CheckpointMeta meta, const std::function<void(std::span<float>)>& fill);

  /// Waits until the save of that ticket has an outcome.
  void wait(std::uint64_t ticket);
  /// Waits until every save has an outcome and the thread has left the store alone.
  void wait_all();
  /// Outcomes since the last call, in order of submission.
  std::vector<SaveOutcome> take_outcomes();

 private:
  struct Buffer {
    CheckpointMeta meta;
    std::string run_id;         ///< of meta, for what is done when the save has its outcome
    SaveOutcome out_of_memory;  ///< the outcome that needs no memory when it is needed
    std::vector<float> values;
    std::int64_t submitted_ns = 0;
    std::int64_t stall_ns = 0;
    bool free = true;
  };

  Buffer& acquire();
  void release(Buffer& buffer);
  void work();
  SaveOutcome save(Buffer& buffer);
  SaveOutcome try_to_save(const Buffer& buffer);
  void tidy_up(const std::string* run_id);
  [[nodiscard]] bool save_is_waiting();
  [[nodiscard]] bool is_ending();

  CheckpointStore& store_;
  StateLayout layout_;
  const Clock& clock_;
  Log log_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<Buffer, 2> buffers_;
  std::deque<Buffer*> queue_;  ///< submitted, oldest first
  std::vector<SaveOutcome> outcomes_;
  std::uint64_t submitted_ = 0;
  std::uint64_t finished_ = 0;
  bool busy_ = false;     ///< the thread uses the store
  bool prepare_ = false;  ///< asked for
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace spot
