#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "interrupt/event.h"

namespace spot {

struct PollerOptions {
  std::string metadata = "auto";  ///< auto, a provider's name, none or file:PATH
  std::string endpoint{};         ///< base URL; empty: the environment's or the provider's own
  bool metadata_v1 = false;       ///< go on without a session token where none is issued
  std::chrono::nanoseconds gcp_notice = std::chrono::seconds(30);  ///< what GCP grants this machine on preemption
  std::chrono::nanoseconds period = std::chrono::seconds(5);
  std::string dmi_folder = "/sys/class/dmi/id";  ///< where the machine's maker says who it is
};

/// Watches for interruption notices on a thread of its own. A notice is state: every reader sees each one, and its
/// withdrawal, and keeps its own position, 0 at first. Every method may be called from any thread.
class Poller {
 public:
  /// What a host that asks to stop can be expected to wait: Kubernetes' and systemd's order of magnitude.
  static constexpr std::chrono::seconds kHostNotice{30};

  Poller(const PollerOptions& options, const Clock& clock, Log log);
  ~Poller();  ///< returns within 100 ms, even in the middle of a request
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// The next notice or withdrawal behind `position`, which is moved on. One atomic load while there is none: cheap
  /// enough for every step.
  std::optional<Notice> next(std::uint64_t& position) const;
  /// Waits for it: until the time-out (negative: none), the cancellation (`cancel` may be null) or close().
  std::optional<Notice> wait(std::uint64_t& position, std::chrono::milliseconds timeout,
                             const CancelToken* cancel = nullptr) const;
  /// Ends every wait(), now and later; the watching goes on.
  void close();
  [[nodiscard]] bool closed() const;

  /// A notice of the host's own; returns its id. `left` is the time until the end; nothing: not known. Not for signal
  /// handlers: they should write to a pipe or set a flag.
  std::uint64_t notify(NoticeAction action, std::string_view detail, std::string_view source = "host",
                       std::optional<std::chrono::nanoseconds> left = kHostNotice);
  /// Tells that a notice is over. False when there is none of that id, or it is over already.
  bool withdraw(std::uint64_t id);
  [[nodiscard]] PollerHealth health() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spot
