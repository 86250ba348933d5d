#include "capi/message_queue.h"

#include <utility>

#include "base/cancellable_wait.h"
#include "base/text.h"

namespace spot {
void MessageQueue::push(LogLevel level, std::string_view text) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    if (messages_.size() == capacity_) {
      messages_.pop_front();
      ++dropped_;
    }
    messages_.push_back({level, std::string(text)});
  }
  changed_.notify_one();
}

std::optional<MessageQueue::Message> MessageQueue::next(std::chrono::milliseconds timeout, const CancelToken* cancel) {
  std::unique_lock lock(mutex_);
  return wait_for(changed_, lock, timeout, cancel, closed_, [this]() -> std::optional<Message> {
    if (const std::uint64_t dropped = std::exchange(dropped_, 0); dropped > 0) {
      return Message{LogLevel::kWarning, cat(dropped,
                                             " log messages were dropped here: fetch them faster, or give the "
                                             "queue a larger capacity")};
    }
    if (messages_.empty()) return std::nullopt;
    Message message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  });
}

void MessageQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

bool MessageQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace spot
