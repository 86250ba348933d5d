#include <cstring>
#include <limits>
#include <memory>
#include <spot_trainer.h>
#include <string>
#include <vector>

#include "base/clock.h"
#include "capi/backends.h"
#include "capi/cancel.h"
#include "capi/guard.h"
#include "capi/handles.h"
#include "capi/structs.h"
#include "session/run.h"

using spot::Call;
using spot::Cancel;
using spot::check_struct;
using spot::guard;
using spot::required;
using spot::Status;
using spot::write_struct;

namespace {

static_assert(static_cast<int32_t>(spot::Split::kTrain) == SPOT_SPLIT_TRAIN);
static_assert(static_cast<int32_t>(spot::Split::kValidation) == SPOT_SPLIT_VALIDATION);
static_assert(static_cast<int32_t>(spot::Split::kTest) == SPOT_SPLIT_TEST);

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Says whether a call is to stop: because of its spot_cancel, or because a callback asked for it.
class StopAsked {
 public:
  StopAsked(const Cancel& cancel, spot::Session& session) : cancel_(cancel), session_(session) {
    session_.forget_stop();
  }

  [[nodiscard]] spot::StopCheck check() const {
    return [this] { return session_.stop_requested() || (cancel_.token() != nullptr && cancel_.token()->triggered()); };
  }
  [[noreturn]] void fail() const {
    spot::fail(Status::kCancelled,
               session_.stop_requested() ? "the callback asked to stop" : "the spot_cancel was triggered");
  }

 private:
  const Cancel& cancel_;
  spot::Session& session_;
};

/// Notes how far the steps of a call came, however it ends: also when a callback ends its thread.
class StepsNote {
 public:
  explicit StepsNote(spot::Session& session) : session_(session) {}
  ~StepsNote() { session_.note_steps({}); }
  StepsNote(const StepsNote&) = delete;
  StepsNote& operator=(const StepsNote&) = delete;

 private:
  spot::Session& session_;
};

/// The texts are to be kept in the handle.
spot_run_result to_struct(const spot::RunResult& run, spot_trainer& trainer) {
  spot_run_result result{};
  result.reason = static_cast<int32_t>(run.reason);
  result.resumed = run.resumed ? 1 : 0;
  result.durable = run.durable ? 1 : 0;
  result.save_status = static_cast<spot_status>(run.save_status);
  result.step = run.step;
  result.epoch = run.epoch;
  result.test_accuracy = run.test_accuracy;
  result.test_loss = run.test_loss;
  result.seconds = run.seconds;
  result.notice_to_durable_ms = run.notice_to_durable_ms;
  result.seconds_left = run.seconds_left;
  trainer.message = spot::valid_utf8(run.save_message);
  result.save_message = trainer.message.c_str();
  trainer.path = run.model_path;
  result.model_path = trainer.path.c_str();
  spot::write_text(result.state_hash, run.state_hash);
  return result;
}

double per_second(uint64_t samples, double seconds) {
  return seconds > 0 ? static_cast<double>(samples) / seconds : kNone;
}

spot_metrics to_struct(const spot::StepSummary& summary, uint64_t step) {
  spot_metrics metrics{};
  metrics.step = step;
  metrics.steps = summary.steps;
  metrics.samples = summary.samples;
  metrics.loss = summary.loss;
  metrics.accuracy = summary.accuracy;
  metrics.learning_rate = summary.learning_rate;
  metrics.gradient_norm = summary.gradient_norm;
  metrics.samples_per_second = per_second(summary.samples, summary.seconds);
  return metrics;
}

}  // namespace

spot_status spot_trainer_create(const spot_config* config, const spot_dataset* dataset, spot_cancel* cancel,
                                spot_trainer** out, spot_error** error) {
  return guard(error, [&] {
    const spot::Settings settings = spot::settings_of(config);
    required(out, "out");
    if (dataset != nullptr) spot::check_process(dataset->owner);
    const Cancel stop(cancel);
    const auto backends = spot::backends(settings.values.text("device"));
    *out =
        dataset == nullptr
            ? new spot_trainer{{}, {settings.values, backends, spot::system_clock(), settings.log, stop.stop()}}
            : new spot_trainer{
                  {}, {settings.values, dataset->content, backends, spot::system_clock(), settings.log, stop.stop()}};
  });
}

void spot_trainer_free(spot_trainer* trainer) {
  spot::free_handle(trainer);
}

spot_status spot_trainer_run(spot_trainer* trainer, spot_poller* poller, spot_cancel* cancel, spot_run_result* out,
                             spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    check_struct(out, "out");
    if (poller != nullptr) spot::check_process(poller->owner);
    const std::shared_ptr<spot::Poller> notices = poller == nullptr ? nullptr : poller->poller;
    const Cancel stop(cancel);
    write_struct(out, to_struct(spot::run(trainer->session, notices.get(), stop.token()), *trainer));
  });
}

spot_status spot_trainer_step(spot_trainer* trainer, uint64_t count, spot_cancel* cancel, spot_metrics* out,
                              spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    if (out != nullptr) check_struct(out, "out");
    const Cancel cancelled(cancel);
    spot::Session& session = trainer->session;
    const StopAsked stop(cancelled, session);
    const uint64_t begin = session.trainer().step();
    const StepsNote note(session);
    const auto tell = [&](const spot::StepSummary& summary) {
      if (out != nullptr) write_struct(out, to_struct(summary, session.trainer().step()));
    };
    try {
      const spot::StepSummary summary = session.trainer().train_steps(count, stop.check());
      tell(summary);
      if (summary.steps < count) stop.fail();
    } catch (const spot::Error& failure) {
      if (failure.status() != Status::kCancelled) tell({.steps = session.trainer().step() - begin});
      throw;
    }
  });
}

spot_status spot_trainer_evaluate(spot_trainer* trainer, int32_t split, spot_cancel* cancel, spot_metrics* out,
                                  spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    check_struct(out, "out");
    const Cancel cancelled(cancel);
    const StopAsked stop(cancelled, trainer->session);
    const int64_t start = spot::system_clock().monotonic_ns();
    const auto evaluation = trainer->session.trainer().evaluate(static_cast<spot::Split>(split), stop.check());
    if (!evaluation) stop.fail();
    spot_metrics metrics{};
    metrics.step = trainer->session.trainer().step();
    metrics.samples = evaluation->samples;
    metrics.loss = evaluation->loss;
    metrics.accuracy = evaluation->accuracy;
    metrics.learning_rate = kNone;
    metrics.gradient_norm = kNone;
    metrics.samples_per_second =
        per_second(evaluation->samples, spot::to_seconds(spot::system_clock().monotonic_ns() - start));
    write_struct(out, metrics);
  });
}

spot_status spot_trainer_get_confusion(spot_trainer* trainer, int32_t split, spot_cancel* cancel, uint64_t* counts,
                                       size_t length, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    required(counts, "counts");
    const std::size_t classes = trainer->session.dataset().classes;
    spot::check_length("counts", length, classes * classes);
    const Cancel cancelled(cancel);
    const StopAsked stop(cancelled, trainer->session);
    std::vector<uint64_t> hits(length);
    if (!trainer->session.trainer().count_confusion(static_cast<spot::Split>(split), stop.check(), hits)) stop.fail();
    std::memcpy(counts, hits.data(), hits.size() * sizeof(uint64_t));
  });
}
