#include "output_stream.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <exception>
#include <new>
#include <poll.h>
#include <pthread.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace spotctl {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;  // queued
/// Written at once: a pipe takes that whole or not at all, so that lines of several writers stay apart, and the end of
/// the process tears none.
constexpr std::size_t kMostAtOnce = PIPE_BUF;

std::uint64_t lines_in(const std::string& text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

struct Written {
  std::size_t bytes = 0;
  int error = 0;
};

/// Writes all, also to a descriptor that somebody made non-blocking.
Written write_all(int fd, const std::string& text) {
  Written written;
  while (written.bytes < text.size()) {
    const ssize_t count = write(fd, text.data() + written.bytes, text.size() - written.bytes);
    if (count > 0) {
      written.bytes += static_cast<std::size_t>(count);
    } else if (count < 0 && errno == EAGAIN) {
      pollfd writable{fd, POLLOUT, 0};
      poll(&writable, 1, -1);
    } else if (count == 0 || errno != EINTR) {
      written.error = count == 0 ? EIO : errno;
      return written;
    }
  }
  return written;
}

/// A full disk may have room later; who was reading does not come back.
bool is_final(int error) {
  return error != ENOSPC && error != EDQUOT && error != EFBIG;
}

}  // namespace

OutputStream::OutputStream(int fd, Callbacks callbacks) : fd_(fd), callbacks_(std::move(callbacks)) {
  composed_.reserve(kMostAtOnce);
}

/// With the mutex held. The thread takes no signal: those are somebody else's to hear, and SIGTTOU would stop the
/// process when it writes in the background (stty tostop).
void OutputStream::start() {
  if (started_) return;
  started_ = true;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread([this] {
      pthread_setname_np(pthread_self(), "spotctl-output");
      work();
    }).detach();
  } catch (const std::system_error&) {
    threadless_ = true;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void OutputStream::add(std::string lines, Weight weight, WhenFull when_full) {
  std::unique_lock lock(mutex_);
  start();
  if (when_full == WhenFull::kWait && !threadless_) {
    changed_.wait(lock, [&] { return closed_ || bytes_ == 0 || bytes_ + lines.size() <= kMostBytes; });
  }
  make_room(lines.size(), weight);
  const std::size_t size = lines.size();
  if (closed_ || (bytes_ > 0 && bytes_ + size > kMostBytes)) {
    dropped_ += lines_in(lines);
    return;
  }
  try {
    queue_of(weight).push_back({std::move(lines), added_++});
    bytes_ += size;
  } catch (const std::bad_alloc&) {
    ++dropped_;
  }
  if (threadless_) {
    // Who writes now writes this too.
    while (!writing_ && !idle()) write_composed(lock);
  }
  lock.unlock();
  changed_.notify_all();
}

void OutputStream::set_status(const std::string& text) {
  {
    const std::lock_guard lock(mutex_);
    if (text == status_) return;
    start();
    status_ = text;
    status_changed_ = true;
  }
  changed_.notify_all();
}

bool OutputStream::flush(std::optional<std::chrono::milliseconds> bound) {
  std::unique_lock lock(mutex_);
  const auto done = [this] { return threadless_ || idle(); };
  if (bound) return changed_.wait_for(lock, *bound, done);
  changed_.wait(lock, done);
  return true;
}

std::uint64_t OutputStream::missing() {
  const std::lock_guard lock(mutex_);
  std::uint64_t lines = dropped_ + composed_lines_;
  for (const Queue* queue : {&routine_, &important_}) {
    for (const Line& line : *queue) lines += lines_in(line.text);
  }
  return lines;
}

int OutputStream::error() {
  const std::lock_guard lock(mutex_);
  return error_;
}

/// With the mutex held. A routine line makes room for any other, an important one only for its like.
void OutputStream::make_room(std::size_t size, Weight weight) {
  while (bytes_ > 0 && bytes_ + size > kMostBytes) {
    if (!routine_.empty()) {
      drop(routine_);
    } else if (weight == Weight::kImportant) {
      drop(important_);
    } else {
      return;
    }
  }
}

void OutputStream::drop(Queue& queue) {
  dropped_ += lines_in(queue.front().text);
  bytes_ -= queue.front().text.size();
  queue.pop_front();
}

/// That of the oldest line; null: none is queued.
OutputStream::Queue* OutputStream::next_queue() {
  if (routine_.empty()) return important_.empty() ? nullptr : &important_;
  if (important_.empty()) return &routine_;
  return routine_.front().number < important_.front().number ? &routine_ : &important_;
}

/// With the mutex held.
bool OutputStream::idle() const {
  return !writing_ && routine_.empty() && important_.empty() && !status_changed_;
}

/// Takes from the queues what is written next. With the mutex held.
void OutputStream::compose() {
  composed_.clear();
  composed_lines_ = 0;
  if (torn_) composed_ += '\n';
  if (status_drawn_) composed_ += "\r\033[K";
  if (dropped_ > 0) {
    composed_ += callbacks_.dropped(dropped_);
    dropped_ = 0;
  }
  for (Queue* queue = next_queue(); queue != nullptr; queue = next_queue()) {
    Line& line = queue->front();
    if (!composed_.empty() && composed_.size() + line.text.size() > kMostAtOnce) break;
    composed_ += line.text;
    composed_lines_ += lines_in(line.text);
    bytes_ -= line.text.size();
    queue->pop_front();
  }
  composed_ += status_;
  status_drawn_ = !status_.empty();
  status_changed_ = false;
}

/// With the mutex held at both ends, but not while it writes.
void OutputStream::write_composed(std::unique_lock<std::mutex>& lock) {
  const std::uint64_t dropped = dropped_;
  try {
    compose();
  } catch (const std::exception&) {  // no memory: better without this line than without all that follow
    if (Queue* queue = next_queue()) drop(*queue);
  }
  writing_ = true;
  lock.unlock();
  changed_.notify_all();  // there is room
  const Written written = write_all(fd_, composed_);
  lock.lock();
  if (written.error != 0) {
    // What a torn batch did bring over is not told apart.
    dropped_ += composed_lines_ + dropped;
    closed_ = is_final(written.error);
    if (closed_) {
      while (Queue* queue = next_queue()) drop(*queue);
      status_changed_ = false;
    }
  }
  torn_ = written.bytes > 0 ? written.bytes < composed_.size() && composed_[written.bytes - 1] != '\n' : torn_;
  composed_lines_ = 0;
  const bool first_failure = written.error != 0 && error_ == 0;
  if (first_failure) {
    error_ = written.error;
    lock.unlock();
    callbacks_.failed(written.error);
    lock.lock();
  }
  writing_ = false;
}

void OutputStream::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !idle(); });
    write_composed(lock);
    changed_.notify_all();
  }
}

}  // namespace spotctl
