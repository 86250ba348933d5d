#include <memory>
#include <spot_trainer.h>
#include <string>

#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/host_call.h"
#include "capi/user_data.h"
#include "session/run.h"

using spot::Call;
using spot::EventKind;
using spot::guard;
using spot::required;
using spot::RunReason;
using spot::SaveReason;
using spot::Status;

namespace {

constexpr bool same(EventKind kind, int32_t number) {
  return static_cast<int32_t>(kind) == number;
}
static_assert(same(EventKind::kRunBegin, SPOT_EVENT_RUN_BEGIN));
static_assert(same(EventKind::kRunEnd, SPOT_EVENT_RUN_END));
static_assert(same(EventKind::kEpochBegin, SPOT_EVENT_EPOCH_BEGIN));
static_assert(same(EventKind::kEpochEnd, SPOT_EVENT_EPOCH_END));
static_assert(same(EventKind::kStep, SPOT_EVENT_STEP));
static_assert(same(EventKind::kEvaluation, SPOT_EVENT_EVALUATION));
static_assert(same(EventKind::kCheckpoint, SPOT_EVENT_CHECKPOINT));
static_assert(same(EventKind::kNotice, SPOT_EVENT_NOTICE));
static_assert(static_cast<int32_t>(SaveReason::kInterval) == SPOT_SAVE_INTERVAL);
static_assert(static_cast<int32_t>(SaveReason::kEpoch) == SPOT_SAVE_EPOCH);
static_assert(static_cast<int32_t>(SaveReason::kNotice) == SPOT_SAVE_NOTICE);
static_assert(static_cast<int32_t>(SaveReason::kRequest) == SPOT_SAVE_REQUEST);
static_assert(static_cast<int32_t>(SaveReason::kFinal) == SPOT_SAVE_FINAL);
static_assert(static_cast<int32_t>(RunReason::kDone) == SPOT_RUN_DONE);
static_assert(static_cast<int32_t>(RunReason::kInterrupted) == SPOT_RUN_INTERRUPTED);
static_assert(static_cast<int32_t>(RunReason::kCancelled) == SPOT_RUN_CANCELLED);
static_assert(static_cast<int32_t>(RunReason::kStopped) == SPOT_RUN_STOPPED);
static_assert(static_cast<int32_t>(RunReason::kFailed) == SPOT_RUN_FAILED);

spot_event to_struct(const spot::Event& event) {
  spot_event result{};
  result.struct_size = sizeof result;
  result.kind = static_cast<int32_t>(event.kind);
  result.step = event.step;
  result.epoch = event.epoch;
  result.loss = event.loss;
  result.accuracy = event.accuracy;
  result.learning_rate = event.learning_rate;
  result.gradient_norm = event.gradient_norm;
  result.samples_per_second = event.samples_per_second;
  result.validation_loss = event.validation_loss;
  result.validation_accuracy = event.validation_accuracy;
  result.test_loss = event.test_loss;
  result.test_accuracy = event.test_accuracy;
  result.stall_ms = event.stall_ms;
  result.encode_ms = event.encode_ms;
  result.write_ms = event.write_ms;
  result.fsync_ms = event.fsync_ms;
  result.durable_ms = event.durable_ms;
  result.bytes = event.bytes;
  result.notice_id = event.notice_id;
  result.seconds_left = event.seconds_left;
  result.action = event.action;
  result.stale = event.stale ? 1 : 0;
  result.withdrawn = event.withdrawn ? 1 : 0;
  result.ends_run = event.ends_run ? 1 : 0;
  result.resumed = event.resumed ? 1 : 0;
  result.save_reason = event.save_reason;
  result.run_reason = event.run_reason;
  result.status = static_cast<spot_status>(event.status);
  result.message = event.message;
  result.path = event.path;
  result.source = event.source;
  result.detail = event.detail;
  result.run_id = event.run_id;
  result.state_hash = event.state_hash;
  result.not_promised = event.not_promised;
  return result;
}

void tell(spot_event_fn callback, void* user, const spot::Event& event, spot::Session& session) {
  spot_event told = to_struct(event);
  const std::string message = spot::valid_utf8(event.message);
  told.message = message.c_str();
  const int32_t answer = spot::ask_host([&] { return callback(user, &told); });
  if (answer == SPOT_ANSWER_CONTINUE) return;
  if (answer == SPOT_ANSWER_STOP) return session.request_stop();
  spot::fail(Status::kCallback, spot::cat("the callback returned ", answer, " at step ", event.step));
}

}  // namespace

const char* spot_save_reason_name(int32_t reason) {
  return spot::to_text(static_cast<SaveReason>(reason));
}

const char* spot_run_reason_name(int32_t reason) {
  return spot::to_text(static_cast<RunReason>(reason));
}

spot_status spot_trainer_set_callback(spot_trainer* trainer, uint32_t events, spot_event_fn callback, void* user,
                                      spot_destroy_fn destroy, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    constexpr uint32_t kAll = SPOT_EVENT_ALL;
    if ((events & ~kAll) != 0) {
      spot::fail(Status::kInvalidArgument,
                 spot::cat("'events' has a flag that this version does not know: ", events & ~kAll));
    }
    const auto data = std::make_shared<spot::UserData>(user, destroy);
    spot::Session& session = trainer->session;
    spot::Observer observer;
    if (callback != nullptr) {
      observer = {events, [callback, data, &session](const spot::Event& event) {
                    tell(callback, data->get(), event, session);
                  }};
    }
    session.trainer().set_observer(std::move(observer));
    data->keep();
  });
}
