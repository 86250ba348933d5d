#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <spot_trainer.h>
#include <string>

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
using spot::Stage;
using spot::Status;
using spot::write_struct;
using spot::write_text;

namespace {

constexpr bool same(Stage stage, int32_t number) {
  return static_cast<int32_t>(stage) == number;
}
static_assert(same(Stage::kRunBegin, SPOT_EVENT_RUN_BEGIN));
static_assert(same(Stage::kRunEnd, SPOT_EVENT_RUN_END));
static_assert(same(Stage::kEpochBegin, SPOT_EVENT_EPOCH_BEGIN));
static_assert(same(Stage::kEpochEnd, SPOT_EVENT_EPOCH_END));
static_assert(same(Stage::kStep, SPOT_EVENT_STEP));
static_assert(same(Stage::kEvaluation, SPOT_EVENT_EVALUATION));
static_assert(same(Stage::kCheckpoint, SPOT_EVENT_CHECKPOINT));
static_assert(same(Stage::kInterruption, SPOT_EVENT_INTERRUPTION));
static_assert(static_cast<int32_t>(spot::RunReason::kDone) == SPOT_RUN_DONE);
static_assert(static_cast<int32_t>(spot::RunReason::kInterrupted) == SPOT_RUN_INTERRUPTED);
static_assert(static_cast<int32_t>(spot::RunReason::kCancelled) == SPOT_RUN_CANCELLED);
static_assert(static_cast<int32_t>(spot::Split::kTrain) == SPOT_SPLIT_TRAIN);
static_assert(static_cast<int32_t>(spot::Split::kValidation) == SPOT_SPLIT_VALIDATION);
static_assert(static_cast<int32_t>(spot::Split::kTest) == SPOT_SPLIT_TEST);

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

[[noreturn]] void fail_cancelled() {
  spot::fail(Status::kCancelled, "the spot_cancel was triggered");
}

spot_event to_struct(const spot::Event& event) {
  spot_event result{};
  result.struct_size = sizeof result;
  result.stage = static_cast<int32_t>(event.stage);
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
  result.resumed = event.resumed ? 1 : 0;
  result.status = static_cast<spot_status>(event.status);
  result.stall_ms = event.stall_ms;
  result.durable_ms = event.durable_ms;
  result.bytes = event.bytes;
  result.action = event.action;
  result.stale = event.stale ? 1 : 0;
  result.withdrawn = event.withdrawn ? 1 : 0;
  result.ends_run = event.ends_run ? 1 : 0;
  result.notice_id = event.notice_id;
  result.deadline_s = event.deadline_s;
  result.reason = event.reason;
  result.path = event.path;
  result.source = event.source;
  result.message = event.message;
  result.run_id = event.run_id;
  result.state_hash = event.state_hash;
  result.encode_ms = event.encode_ms;
  result.write_ms = event.write_ms;
  result.fsync_ms = event.fsync_ms;
  result.not_promised = event.not_promised;
  return result;
}

/// The path is to be kept in `path`.
spot_run_result to_struct(const spot::RunResult& run, std::string& path) {
  spot_run_result result{};
  result.reason = static_cast<int32_t>(run.reason);
  result.resumed = run.resumed ? 1 : 0;
  result.durable = run.durable ? 1 : 0;
  result.step = run.step;
  result.epoch = run.epoch;
  result.test_accuracy = run.test_accuracy;
  result.test_loss = run.test_loss;
  result.wall_s = run.wall_s;
  result.notice_to_durable_ms = run.notice_to_durable_ms;
  result.margin_s = run.margin_s;
  write_text(result.state_hash, run.state_hash);
  path = run.model_path;
  result.model_path = path.c_str();
  return result;
}

/// The path is to be kept in `path`.
spot_save_report to_struct(const spot::SaveReport& report, std::string& path) {
  spot_save_report result{};
  result.step = report.step;
  result.generation = report.generation;
  result.bytes = report.bytes;
  result.stall_ms = spot::to_milliseconds(report.stall_ns);
  result.encode_ms = spot::to_milliseconds(report.encode_ns);
  result.commit_ms = spot::to_milliseconds(report.write_ns + report.fsync_ns);
  result.write_ms = spot::to_milliseconds(report.write_ns);
  result.fsync_ms = spot::to_milliseconds(report.fsync_ns);
  result.durable_ms = spot::to_milliseconds(report.durable_ns);
  path = report.path;
  result.path = path.c_str();
  write_text(result.not_promised, report.not_promised);
  return result;
}

spot_trainer_info describe(spot::Session& session) {
  const spot::Trainer& trainer = session.trainer();
  const spot::Dataset& dataset = session.dataset();
  const spot::StateLayout& layout = session.engine().layout();
  spot_trainer_info info{};
  info.classes = dataset.classes;
  info.image_rows = dataset.train.rows;
  info.image_columns = dataset.train.columns;
  info.step = trainer.step();
  info.epoch = trainer.epoch();
  info.steps_per_epoch = trainer.steps_per_epoch();
  info.total_steps = trainer.total_steps();
  info.parameter_count = layout.parameter_count();
  info.parameter_tensors = layout.tensors().size();
  info.train_samples = dataset.train.count;
  info.validation_samples = dataset.validation.count;
  info.test_samples = dataset.test.count;
  info.dataset_is_fallback = dataset.fallback ? 1 : 0;
  info.threads = session.engine().threads();
  write_text(info.run_id, session.run_id());
  write_text(info.device, session.engine().device());
  write_text(info.dataset, dataset.name);
  return info;
}

double per_second(uint64_t samples, double seconds) {
  return seconds > 0 ? static_cast<double>(samples) / seconds : kNone;
}

}  // namespace

spot_status spot_trainer_create(const spot_config* config, spot_cancel* cancel, spot_trainer** out,
                                spot_error** error) {
  return guard(error, [&] {
    const Call call(required(config, "config").use);
    required(out, "out");
    const Cancel stop(cancel);
    *out = new spot_trainer{{},
                            {config->values, spot::backends(config->values.text("device")), spot::system_clock(),
                             config->log, stop.stop()}};
  });
}

void spot_trainer_free(spot_trainer* trainer) {
  spot::free_handle(trainer);
}

spot_status spot_trainer_set_callback(spot_trainer* trainer, uint32_t stages, spot_event_fn callback, void* user,
                                      spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    if (callback == nullptr) return trainer->session.trainer().set_observer({});
    const auto tell = [callback, user](const spot::Event& event) {
      const std::string message = spot::valid_utf8(event.message);
      spot_event told = to_struct(event);
      told.message = message.c_str();
      const int32_t answer = callback(user, &told);
      if (answer == 0) return;
      spot::fail(Status::kCallback, spot::cat("the callback returned ", answer, " at step ", event.step));
    };
    trainer->session.trainer().set_observer({stages, tell});
  });
}

spot_status spot_trainer_run(spot_trainer* trainer, spot_poller* poller, spot_cancel* cancel, spot_run_result* result,
                             spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    check_struct(result, "result");
    if (poller != nullptr) spot::check_process(poller->owner);
    const std::shared_ptr<spot::Poller> notices = poller == nullptr ? nullptr : poller->poller;
    const Cancel stop(cancel);
    write_struct(result, to_struct(spot::run(trainer->session, notices.get(), stop.token()), trainer->path));
  });
}

spot_status spot_trainer_step(spot_trainer* trainer, uint64_t count, spot_cancel* cancel, spot_metrics* out,
                              spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    if (out != nullptr) check_struct(out, "out");
    const Cancel stop(cancel);
    const auto summary = trainer->session.trainer().train_steps(count, stop.stop());
    if (summary.steps < count) fail_cancelled();
    if (out == nullptr) return;
    spot_metrics metrics{};
    metrics.step = trainer->session.trainer().step();
    metrics.samples = summary.samples;
    metrics.loss = summary.loss;
    metrics.accuracy = summary.accuracy;
    metrics.learning_rate = summary.learning_rate;
    metrics.gradient_norm = summary.gradient_norm;
    metrics.samples_per_second = per_second(summary.samples, summary.seconds);
    write_struct(out, metrics);
  });
}

spot_status spot_trainer_evaluate(spot_trainer* trainer, int32_t split, spot_cancel* cancel, spot_metrics* out,
                                  spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    check_struct(out, "out");
    const Cancel stop(cancel);
    const int64_t start = spot::system_clock().monotonic_ns();
    const auto evaluation = trainer->session.trainer().evaluate(static_cast<spot::Split>(split), stop.stop());
    if (!evaluation) fail_cancelled();
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

spot_status spot_trainer_confusion(spot_trainer* trainer, int32_t split, spot_cancel* cancel, uint64_t* counts,
                                   size_t length, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    required(counts, "counts");
    const std::size_t classes = trainer->session.dataset().classes;
    spot::check_length("counts", length, classes * classes);
    const Cancel stop(cancel);
    std::vector<uint64_t> hits(length);
    if (!trainer->session.trainer().count_confusion(static_cast<spot::Split>(split), stop.stop(), hits)) {
      fail_cancelled();
    }
    std::memcpy(counts, hits.data(), hits.size() * sizeof(uint64_t));
  });
}

spot_status spot_trainer_predict(spot_trainer* trainer, const uint8_t* images, size_t count, spot_cancel* cancel,
                                 float* probabilities, size_t length, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    if (count == 0) return;
    const spot::ImageSet& shape = trainer->session.dataset().train;
    if (count > std::numeric_limits<uint32_t>::max()) {
      spot::fail(Status::kInvalidArgument, spot::cat("'count' is ", count, ": at most 2^32 - 1"));
    }
    spot::check_length("probabilities", length, count * trainer->session.dataset().classes);
    const std::size_t pixels = std::size_t{shape.rows} * shape.columns;
    const spot::ImageSet set{.images = {&required(images, "images"), count * pixels},
                             .labels = {},
                             .count = static_cast<uint32_t>(count),
                             .rows = shape.rows,
                             .columns = shape.columns};
    const Cancel stop(cancel);
    const std::span<float> result(&required(probabilities, "probabilities"), length);
    if (!trainer->session.trainer().predict(set, stop.stop(), result)) fail_cancelled();
  });
}

spot_status spot_trainer_checkpoint(spot_trainer* trainer, spot_cancel* cancel, spot_save_report* out,
                                    spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    if (out != nullptr) check_struct(out, "out");
    const Cancel stop(cancel);
    spot::Session& session = trainer->session;
    const std::uint64_t ticket = session.save_soon(spot::SaveReason::kRequest, stop.stop());
    const spot::SaveOutcome outcome = session.finish_save(ticket, stop.stop());
    if (outcome.error) throw spot::Error(*outcome.error);
    if (out != nullptr) write_struct(out, to_struct(outcome.report, trainer->path));
  });
}

spot_status spot_trainer_restore(spot_trainer* trainer, const char* path, spot_cancel* cancel, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    const Cancel stop(cancel);
    spot::Session& session = trainer->session;
    if (path != nullptr) return session.restore(path, stop.stop());
    if (session.resume(stop.stop())) return;
    spot::fail(Status::kNotFound,
               spot::cat("there is no checkpoint in '", session.volume().checkpoints().string(), "'"));
  });
}

spot_status spot_trainer_get_info(spot_trainer* trainer, spot_trainer_info* out, spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    check_struct(out, "out");
    write_struct(out, describe(trainer->session));
  });
}

spot_status spot_trainer_state_hash(spot_trainer* trainer, char out[33], spot_error** error) {
  return guard(error, [&] {
    const Call call(required(trainer, "trainer").use);
    required(out, "out");
    const std::string hash = trainer->session.state_hash();
    std::memcpy(out, hash.c_str(), hash.size() + 1);
  });
}
