#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <utility>

#include "base/status.h"

namespace spot {

/// What an observer may be told of; flags, whose numbers are those of SPOT_EVENT_...
enum class EventKind : std::int32_t {
  kRunBegin = 1,
  kRunEnd = 2,
  kEpochBegin = 4,
  kEpochEnd = 8,
  kStep = 16,
  kEvaluation = 32,
  kCheckpoint = 64,
  kNotice = 128,
};

/// What is told. Which fields count depends on the kind, see spot_event in the public header.
/// Texts are C strings because most observers are C functions; they live until the observer
/// returns.
struct Event {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  EventKind kind{};
  std::uint64_t step = 0;
  std::uint64_t epoch = 0;  ///< of the last step done, 1 is the first
  double loss = kNone;
  double accuracy = kNone;
  double learning_rate = kNone;
  double gradient_norm = kNone;
  double samples_per_second = kNone;
  double validation_loss = kNone;
  double validation_accuracy = kNone;
  double test_loss = kNone;
  double test_accuracy = kNone;
  bool resumed = false;
  Status status = Status::kOk;
  double stall_ms = kNone;
  double durable_ms = kNone;
  double encode_ms = kNone;
  double write_ms = kNone;
  double fsync_ms = kNone;
  std::uint64_t bytes = 0;
  std::int32_t action = 0;
  std::uint64_t notice_id = 0;
  bool stale = false;
  bool withdrawn = false;
  bool ends_run = false;
  double seconds_left = kNone;
  std::int32_t save_reason = 0;
  std::int32_t run_reason = 0;
  const char* path = "";
  const char* source = "";
  const char* detail = "";
  const char* message = "";
  const char* run_id = "";
  const char* state_hash = "";
  const char* not_promised = "";
};

/// Who is told of what. May throw, which ends the call that told it.
class Observer {
 public:
  using Receiver = std::function<void(const Event&)>;

  Observer() = default;
  /// `kinds` are flags of EventKind.
  Observer(std::uint32_t kinds, Receiver receiver) : kinds_(receiver ? kinds : 0), receiver_(std::move(receiver)) {}

  [[nodiscard]] bool wants(EventKind kind) const { return (kinds_ & static_cast<std::uint32_t>(kind)) != 0; }
  void tell(const Event& event) const {
    if (wants(event.kind)) receiver_(event);
  }

 private:
  std::uint32_t kinds_ = 0;
  Receiver receiver_;
};

}  // namespace spot
