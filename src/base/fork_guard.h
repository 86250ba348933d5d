#pragma once

#include <unistd.h>

namespace spot {

/// Remembers the process it was made in. In a forked child a handle's threads do not exist, so the handle
/// must refuse to work there.
class ForkGuard {
 public:
  [[nodiscard]] bool forked() const { return getpid() != owner_; }

 private:
  pid_t owner_ = getpid();
};

}  // namespace spot
