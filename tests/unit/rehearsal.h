#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "interrupt/poller.h"
#include "simulated_service.h"

namespace spot::test {

/// Waits for an event. False: it did not come for so long that it never will.
inline bool wait_for(const std::function<bool()>& event) {
  for (int i = 0; i < 6000 && !event(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return event();
}

/// A cloud's service as spotctl rehearses it, on a free port.
template <typename Cloud>
class Rehearsal {
 public:
  explicit Rehearsal(const typename Cloud::Options& options = typename Cloud::Options())
      : cloud_(options, [](const auto&) {}), server_("127.0.0.1", 0, [this](const spotctl::ServerRequest& request) {
          {
            const std::lock_guard lock(mutex_);
            asked_.push_back(request.method + " " + request.target);
          }
          auto response = cloud_.answer(request);
          ++answered_;
          return response;
        }) {}
  ~Rehearsal() { cloud_.end(); }
  Rehearsal(const Rehearsal&) = delete;
  Rehearsal& operator=(const Rehearsal&) = delete;

  [[nodiscard]] PollerOptions options() const {
    return {.metadata = Cloud::kName,
            .endpoint = "http://127.0.0.1:" + std::to_string(server_.port()),
            .period = std::chrono::milliseconds(20),
            .dmi_folder = "/nonexistent"};
  }
  Cloud& cloud() { return cloud_; }

  /// Requests so far, answered or not, whose method and target hold `text`.
  [[nodiscard]] std::size_t asked(const std::string& text) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count_if(
        asked_, [&](const std::string& request) { return request.find(text) != std::string::npos; }));
  }
  [[nodiscard]] std::size_t asked() const { return asked(""); }
  [[nodiscard]] std::size_t answered() const { return answered_; }

 private:
  Cloud cloud_;
  mutable std::mutex mutex_;
  std::vector<std::string> asked_;
  std::atomic<std::size_t> answered_{0};
  spotctl::HttpServer server_;
};

/// A poller and one reader of it.
class Watched : public Poller {
 public:
  explicit Watched(const PollerOptions& options, const Clock& clock = system_clock(), Log log = {})
      : Poller(options, clock, std::move(log)) {}

  /// The next notice or withdrawal; nothing: it does not come.
  std::optional<Notice> wait() { return Poller::wait(position_, std::chrono::seconds(60)); }
  std::optional<Notice> wait(std::chrono::milliseconds timeout) { return Poller::wait(position_, timeout); }
  std::optional<Notice> take() { return next(position_); }
  /// Until `count` more looks are over. False: they are not made.
  bool wait_for_looks(std::uint64_t count) {
    const std::uint64_t before = health().polls;
    return wait_for([&] { return health().polls >= before + count; });
  }

 private:
  std::uint64_t position_ = 0;
};

/// What a poller hears first of a rehearsal with these options; nothing: it hears of nothing.
template <typename Cloud>
std::optional<Notice> first_notice(const typename Cloud::Options& options) {
  Rehearsal<Cloud> service(options);
  Watched poller(service.options());
  return poller.wait();
}

}  // namespace spot::test
