#include "checkpoint/liveness_lock.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <pthread.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace spot {
namespace {

/// Descriptors of all locks of the process, for its forked children to close.
class Registry {
 public:
  static Registry& instance() {
    // Never destroyed: a fork may come at any time.
    static Registry& registry = *new Registry;
    return registry;
  }

  void add(int fd) {
    const std::lock_guard lock(mutex_);
    fds_.push_back(fd);
  }
  void remove(int fd) {
    const std::lock_guard lock(mutex_);
    std::erase(fds_, fd);
  }

 private:
  Registry() {
    // Held over the fork, so that the child finds the list whole.
    ::pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                     [] {
                       for (const int fd : instance().fds_) ::close(fd);
                       instance().fds_.clear();
                       instance().mutex_.unlock();
                     });
  }

  std::mutex mutex_;
  std::vector<int> fds_;
};

}  // namespace

LivenessLock::LivenessLock(Fd file) : file_(std::move(file)) {
  if (file_.valid()) Registry::instance().add(file_.get());
}

LivenessLock::LivenessLock(LivenessLock&& other) noexcept : file_(std::move(other.file_)) {}

LivenessLock& LivenessLock::operator=(LivenessLock&& other) noexcept {
  if (this != &other) {
    forget();
    file_ = std::move(other.file_);
  }
  return *this;
}

LivenessLock::~LivenessLock() {
  forget();
}

void LivenessLock::forget() {
  if (file_.valid()) Registry::instance().remove(file_.get());
  file_.close();
}

LockResult LivenessLock::try_lock() {
  if (!file_.valid()) return LockResult::kUnsupported;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(file_.get(), F_OFD_SETLK, &lock) == 0) return LockResult::kLocked;
  return errno == EAGAIN || errno == EACCES ? LockResult::kHeld : LockResult::kUnsupported;
}

}  // namespace spot
