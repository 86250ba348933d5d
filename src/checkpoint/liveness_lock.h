#pragma once

#include "base/file.h"

namespace spot {

enum class LockResult { kLocked, kHeld, kUnsupported };

/// A lock on a file that is held as long as this process lives and keeps it. It belongs to the open file, not to the
/// process: two trainers of one process exclude each other, and closing some other descriptor of the file releases
/// nothing. A forked child would share it, and so outlive its parent as the holder; there the file is closed.
class LivenessLock {
 public:
  LivenessLock() = default;
  explicit LivenessLock(Fd file);
  LivenessLock(LivenessLock&& other) noexcept;
  LivenessLock& operator=(LivenessLock&& other) noexcept;
  ~LivenessLock();

  /// kUnsupported also when there is no file.
  LockResult try_lock();

 private:
  void forget();

  Fd file_;
};

}  // namespace spot
