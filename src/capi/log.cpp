#include "capi/log.h"

#include <chrono>
#include <memory>
#include <spot_trainer.h>

#include "capi/cancel.h"
#include "capi/guard.h"
#include "capi/handles.h"

using spot::cat;
using spot::fail;
using spot::guard;
using spot::required;
using spot::Status;

namespace spot {

static_assert(static_cast<int32_t>(LogLevel::kError) == SPOT_LOG_ERROR);
static_assert(static_cast<int32_t>(LogLevel::kWarning) == SPOT_LOG_WARNING);
static_assert(static_cast<int32_t>(LogLevel::kInfo) == SPOT_LOG_INFO);
static_assert(static_cast<int32_t>(LogLevel::kDebug) == SPOT_LOG_DEBUG);

LogLevel log_level(std::int32_t number) {
  if (number < SPOT_LOG_ERROR || number > SPOT_LOG_DEBUG) {
    fail(Status::kInvalidArgument, cat("'level' is ", number, ": it takes a SPOT_LOG_... number"));
  }
  return static_cast<LogLevel>(number);
}

}  // namespace spot

spot_status spot_log_queue_create(int32_t level, size_t capacity, spot_log_queue** out, spot_error** error) {
  return guard(error, [&] {
    constexpr size_t kMost = size_t{1} << 20;
    required(out, "out");
    if (capacity == 0 || capacity > kMost) {
      fail(Status::kInvalidArgument, cat("'capacity' is ", capacity, ": it takes 1 to ", kMost));
    }
    *out = new spot_log_queue{{}, std::make_shared<spot::MessageQueue>(spot::log_level(level), capacity)};
  });
}

void spot_log_queue_free(spot_log_queue* queue) {
  if (queue == nullptr || queue->owner.forked()) return;
  queue->messages->close();
  delete queue;
}

spot_status spot_log_queue_next(spot_log_queue* queue, int64_t timeout_ms, spot_cancel* cancel, int32_t* level,
                                char** message, spot_error** error) {
  return guard(error, [&] {
    spot::check_process(required(queue, "queue").owner);
    required(message, "message");
    const spot::Cancel stop(cancel);
    const std::shared_ptr<spot::MessageQueue> messages = queue->messages;
    const auto next = messages->next(std::chrono::milliseconds(timeout_ms), stop.token());
    if (!next && messages->closed()) fail(Status::kCancelled, "the log queue was freed");
    if (!next && spot_cancel_is_triggered(cancel) != 0) fail(Status::kCancelled, "the spot_cancel was triggered");
    if (!next) fail(Status::kTimeout, cat("no log message came within ", timeout_ms, " ms"));
    *message = spot::copy_text(next->text);
    if (level != nullptr) *level = static_cast<int32_t>(next->level);
  });
}
