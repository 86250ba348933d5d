#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/log.h"

namespace spot {

/// Log messages that wait to be fetched. When there is no room the oldest is dropped and counted. Every method may be
/// called from any thread.
class MessageQueue {
 public:
  struct Message {
    LogLevel level;
    std::string text;
  };

  MessageQueue(LogLevel level, std::size_t capacity) : level_(level), capacity_(capacity) {}

  [[nodiscard]] LogLevel level() const { return level_; }
  void push(LogLevel level, std::string_view text);
  /// The next message, or one that says how many were dropped before it. Waits until the time-out (negative: none),
  /// the cancellation (`cancel` may be null) or close().
  std::optional<Message> next(std::chrono::milliseconds timeout, const CancelToken* cancel);
  /// Ends every wait, now and later.
  void close();
  [[nodiscard]] bool closed() const;

 private:
  const LogLevel level_;
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Message> messages_;
  std::uint64_t dropped_ = 0;
  bool closed_ = false;
};

}  // namespace spot
