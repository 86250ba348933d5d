#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "base/thread.h"
#include "checkpoint/store.h"

namespace spot {

/// The outcome of one save: a report, or the error that kept it from becoming durable.
struct SaveOutcome {
  SaveReport report;
  std::optional<Error> error;
};

/// Saves that may be under way at the same time.
constexpr int kMostSaves = 2;

/// Commits frozen states on a thread of its own, in the order in which they were submitted. The thread gives way to
/// those that compute (Priority::kBatch), but not while somebody waits for it or an urgent save is under way.
class AsyncWriter {
 public:
  /// `store` and `clock` must outlive it; no one else may use the store while saves are in progress.
  AsyncWriter(CheckpointStore& store, std::size_t state_bytes, const Clock& clock, Log log);
  ~AsyncWriter();  ///< finishes what was submitted
  AsyncWriter(const AsyncWriter&) = delete;
  AsyncWriter& operator=(const AsyncWriter&) = delete;

  /// Lets the thread look at the files of run `run_id` and make one ready for the first save, while there is nothing
  /// else to do.
  void prepare(std::string run_id);

  /// Hands a state to the thread, which lets go of it when it is saved. While kMostSaves are under way it waits: no
  /// save is dropped. Returns a ticket. What passed since `asked_ns` of the monotonic clock, when the save was asked
  /// for, is the stall. meta.reason is filled in here. Throws kCancelled when `stop` said so before the thread took it.
  std::uint64_t submit(CheckpointMeta meta, SaveReason reason, std::unique_ptr<const StateReader> state,
                       std::int64_t asked_ns, const StopCheck& stop = {});

  /// Waits until the save of that ticket has an outcome. Throws kCancelled when `stop` said so; the save goes on.
  void wait(std::uint64_t ticket, const StopCheck& stop = {});
  /// Waits until every save has an outcome and the thread has left the store alone. Throws kCancelled likewise.
  void wait_all(const StopCheck& stop = {});
  /// Outcomes since the last call, in order of submission.
  std::vector<SaveOutcome> take_outcomes();

 private:
  struct Save {
    CheckpointMeta meta;
    SaveReason reason = SaveReason::kRequest;
    std::unique_ptr<const StateReader> state;
    std::string run_id;         ///< of meta, for what is done when the save has its outcome
    SaveOutcome out_of_memory;  ///< the outcome that needs no memory when it is needed
    std::int64_t asked_ns = 0;
    std::int64_t stall_ns = 0;
  };
  /// Somebody waits, while in scope.
  class Waiting;

  void choose_priority();
  template <typename Condition>
  void wait_until(std::unique_lock<std::mutex>& lock, const StopCheck& stop, const Condition& condition);
  void work();
  void work_on(std::unique_ptr<Save> save);
  SaveOutcome save(Save& save);
  SaveOutcome try_to_save(const Save& save);
  void tidy_up(const std::string& run_id, bool saved);
  [[nodiscard]] bool save_is_waiting();
  [[nodiscard]] bool is_ending();

  CheckpointStore& store_;
  std::size_t state_bytes_;
  const Clock& clock_;
  Log log_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Save>> queue_;  ///< submitted, oldest first
  std::vector<SaveOutcome> outcomes_;
  std::uint64_t submitted_ = 0;
  std::uint64_t finished_ = 0;
  std::uint64_t urgent_ = 0;  ///< the ticket of the last urgent save
  int waiting_ = 0;           ///< threads
  Priority priority_ = Priority::kNormal;
  bool busy_ = false;        ///< the thread uses the store
  bool prepare_ = false;     ///< asked for
  std::string prepare_for_;  ///< run
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace spot
