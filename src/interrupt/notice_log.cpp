#include "interrupt/notice_log.h"

#include <algorithm>
#include <utility>

#include "base/cancellable_wait.h"

namespace spot {
namespace {

/// A host that files notices without end must not use up the memory.
constexpr std::size_t kMostEntries = 1024;

}  // namespace

std::uint64_t NoticeLog::append(Notice notice) {
  const std::uint64_t number = last_number_.load(std::memory_order_relaxed) + 1;
  if (notice.id == 0) notice.id = number;
  const std::uint64_t id = notice.id;
  const bool over = notice.withdrawn;
  make_room();
  entries_.push_back({number, over, std::move(notice)});
  last_number_.store(number, std::memory_order_release);
  return id;
}

/// Forgets the oldest entry that ends no run; the oldest of all when every one does.
void NoticeLog::make_room() {
  if (entries_.size() < kMostEntries) return;
  const auto dispensable =
      std::ranges::find_if(entries_, [](const Entry& entry) { return entry.over || !ends_training(entry.notice); });
  entries_.erase(dispensable == entries_.end() ? entries_.begin() : dispensable);
}

NoticeLog::Entry* NoticeLog::find(std::uint64_t id) {
  const auto found =
      std::ranges::find_if(entries_, [id](const Entry& entry) { return !entry.over && entry.notice.id == id; });
  return found == entries_.end() ? nullptr : &*found;
}

std::uint64_t NoticeLog::add(Notice notice) {
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    notice.id = 0;
    id = append(std::move(notice));
  }
  changed_.notify_all();
  return id;
}

bool NoticeLog::withdraw(std::uint64_t id) {
  {
    const std::lock_guard lock(mutex_);
    const Entry* entry = find(id);
    if (entry == nullptr) return false;
    Notice over = entry->notice;
    over.withdrawn = true;
    over.deadline_ns.reset();
    append(std::move(over));  // which may move or forget the entry
    if (Entry* told = find(id)) told->over = true;
  }
  changed_.notify_all();
  return true;
}

void NoticeLog::hasten(std::uint64_t id, std::int64_t deadline_ns) {
  const std::lock_guard lock(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr || !entry->notice.deadline_ns) return;
  entry->notice.deadline_ns = std::min(*entry->notice.deadline_ns, deadline_ns);
}

std::deque<NoticeLog::Entry>::const_iterator NoticeLog::behind(std::uint64_t position) const {
  return std::ranges::upper_bound(entries_, position, {}, &Entry::number);
}

std::optional<Notice> NoticeLog::take(std::uint64_t& position) const {
  const auto entry = behind(position);
  if (entry == entries_.end()) return std::nullopt;
  position = entry->number;
  return entry->notice;
}

std::optional<Notice> NoticeLog::next(std::uint64_t& position) const {
  if (last_number_.load(std::memory_order_acquire) <= position) return std::nullopt;
  const std::lock_guard lock(mutex_);
  return take(position);
}

std::optional<Notice> NoticeLog::wait(std::uint64_t& position, std::chrono::milliseconds timeout,
                                      const CancelToken* cancel) const {
  std::unique_lock lock(mutex_);
  return wait_for(changed_, lock, timeout, cancel, closed_, [&] { return take(position); });
}

void NoticeLog::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

bool NoticeLog::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace spot
