#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
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
  AsyncWriter(CheckpointStore& store, StateLayout layout, const Clock& clock);
  ~AsyncWriter();  ///< finishes what was submitted

  /// Waits for a free buffer, lets `fill` copy the state into it and hands it to the thread. Returns a
  /// ticket. The time spent here is the stall.
  std::uint64_t submit(CheckpointMeta meta, const std::function<void(std::span<float>)>& fill);

  /// Waits until the save of that ticket, or all of them, has an outcome.
  void wait(std::uint64_t ticket);
  void wait_all();
  /// Outcomes since the last call, in order of submission.
  std::vector<SaveOutcome> take_outcomes();

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;
};

}  // namespace spot
