#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <utility>

#include "base/status.h"

namespace spot {

/// The moments of a run at which an observer may be told; the numbers are those of SPOT_EVENT_...
enum class Stage : std::int32_t {
  kRunBegin = 1,
  kRunEnd = 2,
  kEpochBegin = 3,
  kEpochEnd = 4,
  kStep = 5,
  kEvaluation = 6,
  kCheckpoint = 7,
  kInterruption = 8,
};

/// What is told. Which fields count depends on the stage, see spot_event in the public header.
/// Texts are C strings because most observers are C functions; they live until the observer
/// returns.
struct Event {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  Stage stage{};
  std::uint64_t step = 0;
  std::uint64_t epoch = 0;
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
  double deadline_s = kNone;
  const char* reason = "";
  const char* path = "";
  const char* source = "";
  const char* message = "";
  const char* run_id = "";
  const char* state_hash = "";
  const char* not_promised = "";
};

/// Who is told of which stages. May throw, which ends the call that told it.
class Observer {
 public:
  using Receiver = std::function<void(const Event&)>;

  Observer() = default;
  /// Bit (1 << stage) of `stages` asks for that stage.
  Observer(std::uint32_t stages, Receiver receiver) : stages_(receiver ? stages : 0), receiver_(std::move(receiver)) {}

  [[nodiscard]] bool wants(Stage stage) const { return ((stages_ >> static_cast<std::int32_t>(stage)) & 1U) != 0; }
  void tell(const Event& event) const {
    if (wants(event.stage)) receiver_(event);
  }

 private:
  std::uint32_t stages_ = 0;
  Receiver receiver_;
};

}  // namespace spot
