#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include <nlohmann/json.hpp>

#include "command.h"
#include "configuration.h"
#include "habits.h"
#include "json_line.h"
#include "notice_watch.h"
#include "progress.h"
#include "stop_signals.h"
#include "terminal.h"

namespace spotctl {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  bool json = false;
  double step_seconds = 1;
  int interrupted_exit_code = kInterrupted;
};

/// JSON has no NaN.
Json number(double value) {
  return std::isnan(value) ? Json(nullptr) : Json(value);
}

Json text_or_null(const char* text) {
  return text == nullptr || *text == '\0' ? Json(nullptr) : Json(text);
}

void print_end(const spot_run_result& result, const Json& parameter_count) {
  const Json line{{"event", "end"},
                  {"reason", spot_run_reason_name(result.reason)},
                  {"step", result.step},
                  {"epoch", result.epoch},
                  {"test_accuracy", number(result.test_accuracy)},
                  {"test_loss", number(result.test_loss)},
                  {"notice_to_durable_ms", number(result.notice_to_durable_ms)},
                  {"margin_s", number(result.seconds_left)},
                  {"wall_s", result.seconds},
                  {"state_hash", text_or_null(result.state_hash)},
                  {"durable", result.durable == 1},
                  {"parameter_count", parameter_count},
                  {"model_path", text_or_null(result.model_path)}};
  print_line(json_line(line));
}

void print_interruption(const spot_notice& notice) {
  const Json line{{"event", "interruption"},
                  {"source", notice.source},
                  {"action", spot_action_name(notice.action)},
                  {"deadline_s", number(notice.seconds_left)},
                  {"id", notice.id},
                  {"ends_run", notice.ends_run == 1},
                  {"stale", notice.stale == 1},
                  {"withdrawn", notice.withdrawn == 1},
                  {"detail", notice.detail}};
  print_line(json_line(line));
}

/// Turns the library's events into progress for people and JSON lines for scripts.
class Reporter {
 public:
  Reporter(const Options& options, const spot_trainer_info& info)
      : options_(options), info_(info), progress_(info.total_steps) {}

  static int32_t receive(void* user, const spot_event* event) {
    static_cast<Reporter*>(user)->show(*event);
    return 0;
  }

  void end(const spot_run_result& result) const {
    if (options_.json) print_end(result, info_.parameter_count);
  }

 private:
  void show(const spot_event& event) {
    progress_.show(event);
    if (event.kind == SPOT_EVENT_CHECKPOINT && event.status == SPOT_OK) {
      terminal().log(SPOT_LOG_DEBUG, "stalled for " + std::to_string(event.stall_ms) + " ms, durable after " +
                                         std::to_string(event.durable_ms) + " ms (encode " +
                                         std::to_string(event.encode_ms) + ", write " + std::to_string(event.write_ms) +
                                         ", fsync " + std::to_string(event.fsync_ms) + ")");
    }
    if (!options_.json) return;
    const Json line = to_json(event);
    const Weight weight = event.kind == SPOT_EVENT_STEP ? Weight::kRoutine : Weight::kImportant;
    if (!line.is_null()) print_line(json_line(line), weight);
  }

  bool step_is_due(const spot_event& event) {
    const auto now = std::chrono::steady_clock::now();
    if (event.step != info_.total_steps && now - last_step_ < std::chrono::duration<double>(options_.step_seconds)) {
      return false;
    }
    last_step_ = now;
    return true;
  }

  Json to_json(const spot_event& event) {
    switch (event.kind) {
      case SPOT_EVENT_RUN_BEGIN:
        return {{"event", "start"},
                {"resumed", event.resumed == 1},
                {"step", event.step},
                {"run_id", event.run_id},
                {"state_hash", event.state_hash},
                {"parameter_count", info_.parameter_count},
                {"dataset", info_.dataset},
                {"device", info_.device},
                {"threads", info_.threads},
                {"total_steps", info_.total_steps}};
      case SPOT_EVENT_STEP:
        if (!step_is_due(event)) return nullptr;
        return {{"event", "step"},
                {"step", event.step},
                {"epoch", event.epoch},
                {"loss", number(event.loss)},
                {"accuracy", number(event.accuracy)},
                {"samples_per_second", number(event.samples_per_second)},
                {"learning_rate", number(event.learning_rate)},
                {"gradient_norm", number(event.gradient_norm)}};
      case SPOT_EVENT_EPOCH_END:
        return {{"event", "epoch"},
                {"epoch", event.epoch},
                {"step", event.step},
                {"train_loss", number(event.loss)},
                {"train_accuracy", number(event.accuracy)},
                {"validation_loss", number(event.validation_loss)},
                {"validation_accuracy", number(event.validation_accuracy)},
                {"test_loss", number(event.test_loss)},
                {"test_accuracy", number(event.test_accuracy)}};
      case SPOT_EVENT_CHECKPOINT:
        return {{"event", "checkpoint"},
                {"reason", spot_save_reason_name(event.save_reason)},
                {"step", event.step},
                {"path", event.path},
                {"stall_ms", event.stall_ms},
                {"durable_ms", number(event.durable_ms)},
                {"bytes", event.bytes},
                {"status", spot_status_name(event.status)},
                {"encode_ms", number(event.encode_ms)},
                {"write_ms", number(event.write_ms)},
                {"fsync_ms", number(event.fsync_ms)},
                {"not_promised", event.not_promised}};
      case SPOT_EVENT_NOTICE:
        return {{"event", "interruption"},
                {"source", event.source},
                {"action", spot_action_name(event.action)},
                {"deadline_s", number(event.seconds_left)},
                {"id", event.notice_id},
                {"ends_run", event.ends_run == 1},
                {"stale", event.stale == 1},
                {"withdrawn", event.withdrawn == 1},
                {"detail", event.detail}};
      default: return nullptr;
    }
  }

  const Options& options_;
  spot_trainer_info info_;
  Progress progress_;
  std::chrono::steady_clock::time_point last_step_{};
};

/// What there is to say when there was nothing to save.
constexpr const char* kNothingLost = "interrupted before the first step; nothing was lost; run the same command again";

void tell_result(const spot_run_result& result) {
  char text[256];
  if (result.reason == SPOT_RUN_DONE) {
    const int length =
        std::snprintf(text, sizeof text, "done: step %llu, ", static_cast<unsigned long long>(result.step));
    const auto rest = sizeof text - static_cast<std::size_t>(length);
    if (std::isnan(result.test_accuracy)) {
      std::snprintf(text + length, rest, "no test set, model ");
    } else {
      std::snprintf(text + length, rest, "test accuracy %.2f %%, model ", 100 * result.test_accuracy);
    }
  } else if (std::isnan(result.notice_to_durable_ms) && result.reason == SPOT_RUN_INTERRUPTED && result.durable == 1) {
    return terminal().line(kNothingLost);
  } else if (result.durable != 1) {
    std::snprintf(text, sizeof text, "stopped at step %llu; its checkpoint is NOT durable: ",
                  static_cast<unsigned long long>(result.step));
    return terminal().line(text + std::string(result.save_message));
  } else if (result.reason == SPOT_RUN_INTERRUPTED) {
    char times[128] = "";
    if (!std::isnan(result.notice_to_durable_ms)) {
      std::snprintf(times, sizeof times, ": durable %.1f ms after the notice", result.notice_to_durable_ms);
    }
    const std::size_t length = std::strlen(times);
    if (!std::isnan(result.seconds_left)) {
      std::snprintf(times + length, sizeof times - length, ", %.1f s before the deadline", result.seconds_left);
    }
    std::snprintf(text, sizeof text, "interrupted at step %llu%s; run the same command again to go on",
                  static_cast<unsigned long long>(result.step), times);
  } else {
    std::snprintf(text, sizeof text, "cancelled at step %llu, checkpoint durable",
                  static_cast<unsigned long long>(result.step));
  }
  terminal().line(text + std::string(result.model_path));
}

int exit_code_of(const spot_run_result& result, const Options& options) {
  if (result.reason == SPOT_RUN_DONE) return kDone;
  return result.durable == 1 ? options.interrupted_exit_code : kInterruptedNotDurable;
}

/// A volume on which no run could save.
class UnfitVolume : public Failure {
 public:
  UnfitVolume(spot_status status, const std::string& message)
      : Failure(spotctl::exit_code_of(status), message), status_(status) {}
  [[nodiscard]] spot_status status() const { return status_; }

 private:
  spot_status status_;
};

/// Before anything is downloaded. A full volume may find room yet.
void rehearse_save(const Config& config, const Cancel& cancel) {
  if (value_of(config, "volume_access") == "read-only") return;
  spot_status outcome = SPOT_OK;
  const Text text = make<Text>(spot_volume_check, config.get(), nullptr, cancel.get(), &outcome);
  if (outcome == SPOT_OK || outcome == SPOT_E_NO_SPACE) return;
  for (const Json& finding : Json::parse(text.get())) {
    if (finding["status"] == "fail") throw UnfitVolume(outcome, finding["detail"].get<std::string>());
  }
}

/// Null when an interruption came before it was made.
Trainer make_trainer(const Config& config, const Cancel& cancel, NoticeWatch& watch) {
  try {
    rehearse_save(config, cancel);
    Trainer trainer = make<Trainer>(spot_trainer_create, config.get(), nullptr, cancel.get());
    return watch.end() ? nullptr : std::move(trainer);
  } catch (const Error& error) {
    if (error.status() != SPOT_E_CANCELLED) throw;
    return nullptr;
  }
}

/// Tells of the notices that came, and ends. Which step the volume holds is not known: "step" counts this process's.
int end_before_run(const Options& options, spot_poller* poller, double wall_s) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  auto result = sized<spot_run_result>();
  result.reason = SPOT_RUN_INTERRUPTED;
  result.durable = 1;
  result.seconds = wall_s;
  result.test_accuracy = result.test_loss = result.notice_to_durable_ms = result.seconds_left = kUnknown;
  auto notice = sized<spot_notice>();
  for (std::uint64_t position = 0; spot_poller_wait(poller, &position, 0, nullptr, &notice, nullptr) == SPOT_OK;) {
    if (options.json) print_interruption(notice);
    if (notice.ends_run == 1) result.seconds_left = std::fmin(result.seconds_left, notice.seconds_left);
  }
  terminal().hurry();
  terminal().line(kNothingLost);
  if (options.json) print_end(result, nullptr);
  return options.interrupted_exit_code;
}

int train(const Options& options, const Configuration& configuration) {
  const auto start = std::chrono::steady_clock::now();
  const Config config = configuration.build();
  const Cancel cancel = make<Cancel>(spot_cancel_create);
  const Poller poller = make<Poller>(spot_poller_create, config.get());
  StopSignals signals(poller.get(), cancel.get(), options.interrupted_exit_code);
  make_habitual_volume(config);
  Trainer trainer;
  for (std::uint64_t position = 0; trainer == nullptr;) {
    NoticeWatch watch(poller.get(), cancel.get(), position);
    trainer = make_trainer(config, cancel, watch);
    if (trainer != nullptr) break;
    if (waits_after_durable(config) && withdrawn_in_time(poller.get(), position)) {
      spot_cancel_reset(cancel.get());
      continue;
    }
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
    return end_before_run(options, poller.get(), wall.count());
  }
  auto info = sized<spot_trainer_info>();
  call(spot_trainer_get_info, trainer.get(), &info);

  Reporter reporter(options, info);
  call(spot_trainer_set_callback, trainer.get(), SPOT_EVENT_ALL, Reporter::receive, &reporter, nullptr);
  auto result = sized<spot_run_result>();
  signals.begin_run();
  call(spot_trainer_run, trainer.get(), poller.get(), cancel.get(), &result);
  if (result.reason != SPOT_RUN_DONE) terminal().hurry();
  tell_result(result);
  reporter.end(result);
  return exit_code_of(result, options);
}

const char* status_name_of(const std::exception& failure) {
  if (const auto* error = dynamic_cast<const Error*>(&failure)) return spot_status_name(error->status());
  if (const auto* unfit = dynamic_cast<const UnfitVolume*>(&failure)) return spot_status_name(unfit->status());
  return spot_status_name(spotctl::exit_code_of(failure) == kUsage ? SPOT_E_CONFIG : SPOT_E_INTERNAL);
}

/// The last event of a run, or of an attempt to begin one, that failed.
void print_error_end(const std::exception& failure) {
  const Json line{
      {"event", "end"}, {"reason", "error"}, {"status", status_name_of(failure)}, {"message", failure.what()}};
  print_line(json_line(line));
}

}  // namespace

Action add_train(CLI::App& program) {
  auto* command = program.add_subcommand(
      "train", "Start a run, or resume it from what the volume holds: the one command a boot script repeats");
  auto options = std::make_shared<Options>();
  command->add_flag("--json", options->json, "Events as JSON lines on stdout");
  command->add_option("--json-step-seconds", options->step_seconds, "Least time between two step events; 0: every step")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  command
      ->add_option("--interrupted-exit-code", options->interrupted_exit_code,
                   "Exit code instead of 75 when interrupted with a durable checkpoint")
      ->check(CLI::Range(0, 255))
      ->capture_default_str();
  command->footer(
      "SIGTERM, SIGINT, SIGHUP and every other signal that would end it stop the run like a provider's notice:\n"
      "checkpoint, then exit 75. Nobody need read its output: lines that are not read in time are dropped and "
      "counted.");
  const Configuration configuration(*command);
  return [options, configuration] {
    terminal().never_wait();
    try {
      return train(*options, configuration);
    } catch (const std::exception& failure) {
      if (options->json) print_error_end(failure);
      throw;
    }
  };
}

}  // namespace spotctl
