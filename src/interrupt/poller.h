#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "interrupt/event.h"

namespace spot {

struct PollerOptions {
  std::string metadata = "auto";  ///< auto, aws, none or file:PATH
  std::string endpoint{};         ///< base URL; empty: the environment's or the provider's own
  bool metadata_v1 = false;       ///< go on without a token where none is issued
  std::chrono::nanoseconds period = std::chrono::seconds(5);
};

/// Watches for interruption notices on a thread of its own. Every method may be called from any thread.
class Poller {
 public:
  Poller(const PollerOptions& options, const Clock& clock, Log log);
  ~Poller();  ///< returns within 100 ms, even in the middle of a request
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// The next notice that was not taken yet. Nothing after the time-out (negative: none) or a wakeup().
  std::optional<Notice> wait(std::chrono::milliseconds timeout);
  /// Like wait(0), one atomic load while there is nothing: cheap enough for every step.
  std::optional<Notice> take();
  /// Makes every wait() that is in progress return.
  void wakeup();
  /// A notice from the host itself. Not for signal handlers: they should write to a pipe or set a flag.
  void notify(NoticeAction action, const std::string& reason);
  [[nodiscard]] PollerHealth health() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spot
