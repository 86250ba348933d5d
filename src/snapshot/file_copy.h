#pragma once

#include <cstdint>
#include <string>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"

namespace spot {

/// Tells the log every few seconds how much of a long work is done, and asks whether to go on.
class WorkProgress {
 public:
  /// `what` is done, e.g. "copying '/out'". All must outlive it.
  WorkProgress(std::string what, const StopCheck& stop, const Clock& clock, const Log& log);

  /// Throws kCancelled.
  void add(std::uint64_t bytes);
  void check() const { check_stop(stop_, what_); }

 private:
  std::string what_;
  const StopCheck& stop_;
  const Clock& clock_;
  const Log& log_;
  std::uint64_t done_ = 0;
  std::int64_t told_ns_;
};

/// Makes the empty file `to` share the content of `from`, where the file system can do that: at once, whatever the
/// size.
bool clone_content(int from, int to);

/// Copies the content of `from` to the empty file `to`, and returns its hash. Holes stay holes. `name` is what messages
/// call it. Throws kIo, kNoSpace, kCancelled.
Hash128 copy_content(int from, int to, const std::string& name, WorkProgress& progress);

/// The hash of a file's content. Throws kIo, kCancelled.
Hash128 hash_content(int file, const std::string& name, WorkProgress& progress);

}  // namespace spot
