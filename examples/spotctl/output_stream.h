#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

namespace spotctl {

/// Which lines are given up first when nobody reads.
enum class Weight : std::uint8_t { kRoutine, kImportant };

/// What a caller does while the queue is full.
enum class WhenFull : std::uint8_t { kWait, kDrop };

/// One output stream of the process. A thread of its own writes what was queued, so that a reader that does not read,
/// a terminal stopped by Ctrl-S say, holds up that thread and no other. It is never destroyed: the thread may be stuck
/// in a write when the process ends.
///
/// The descriptor stays blocking. O_NONBLOCK belongs to the open file, which the parent's shell shares.
class OutputStream {
 public:
  struct Callbacks {
    /// Makes the text that tells that so many lines are missing at this place.
    std::function<std::string(std::uint64_t lines)> dropped;
    /// Called once, on the stream's thread, with errno of the first write that failed.
    std::function<void(int error)> failed;
  };

  OutputStream(int fd, Callbacks callbacks);
  OutputStream(const OutputStream&) = delete;
  OutputStream& operator=(const OutputStream&) = delete;

  /// Queues whole lines, each with its line feed. What cannot be written or queued is dropped, and counted.
  void add(std::string lines, Weight weight, WhenFull when_full);

  /// Shows `text` below the last line until the next call; empty: removes it. Only the newest is ever drawn.
  void set_status(const std::string& text);

  /// Waits until all is written, for ever unless a bound is given. False: not all is.
  bool flush(std::optional<std::chrono::milliseconds> bound);

  /// Lines that are not written: dropped and not told yet, or still queued.
  [[nodiscard]] std::uint64_t missing();
  /// errno of the first write that failed; 0: none did.
  [[nodiscard]] int error();

 private:
  struct Line {
    std::string text;
    std::uint64_t number;  ///< orders the lines of both queues
  };
  using Queue = std::deque<Line>;

  void start();
  void work();
  void make_room(std::size_t size, Weight weight);
  void drop(Queue& queue);
  [[nodiscard]] Queue& queue_of(Weight weight) { return weight == Weight::kRoutine ? routine_ : important_; }
  [[nodiscard]] Queue* next_queue();
  [[nodiscard]] bool idle() const;
  void compose();
  void write_composed(std::unique_lock<std::mutex>& lock);

  const int fd_;
  const Callbacks callbacks_;

  std::mutex mutex_;
  std::condition_variable changed_;
  Queue routine_, important_;
  std::size_t bytes_ = 0;  ///< of both
  std::uint64_t added_ = 0;
  std::uint64_t dropped_ = 0;  ///< lines, not told yet
  std::string status_;         ///< to be shown
  bool status_changed_ = false;
  bool status_drawn_ = false;
  std::string composed_;              ///< what the thread writes next
  std::uint64_t composed_lines_ = 0;  ///< in it
  bool writing_ = false;
  bool torn_ = false;    ///< the last write stopped within a line
  bool closed_ = false;  ///< no later write can succeed
  int error_ = 0;
  bool started_ = false;
  bool threadless_ = false;  ///< there are no threads to be had: add() writes
};

}  // namespace spotctl
