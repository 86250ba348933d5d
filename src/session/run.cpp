#include "session/run.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <optional>
#include <vector>

#include "base/status.h"
#include "base/text.h"
#include "policy/save_policy.h"
#include "session/csv_log.h"
#include "session/model_export.h"
#include "session/options.h"

namespace spot {
namespace {

constexpr std::int64_t kLeaseCheckPeriodNs = 1'000'000'000;
constexpr std::chrono::milliseconds kLookWhileWaiting{100};

std::string sentence_on(const Notice& notice, double seconds_left) {
  const char* asks = notice.action == NoticeAction::kRebalance ? "save early" : to_text(notice.action);
  const std::string what = cat(notice.source, notice.withdrawn ? " no longer says " : " says ", asks);
  if (notice.withdrawn) return cat("interruption withdrawn: ", what, ": ", notice.detail);
  if (notice.left_over) {
    return cat("interruption: ", what, ", but that is from before this start: training goes on: ", notice.detail);
  }
  const std::string left =
      std::isnan(seconds_left) ? std::string() : cat(", ", std::round(seconds_left * 10) / 10, " s left");
  return cat("interruption: ", what, left, ": ", notice.detail);
}

/// One call of run().
class Run {
 public:
  Run(Session& session, Poller* poller, const CancelToken* cancel)
      : session_(session),
        trainer_(session.trainer()),
        clock_(session.clock()),
        poller_(poller),
        cancel_(cancel),
        started_ns_(clock_.monotonic_ns()) {}

  RunResult execute();
  void tell_end(RunReason reason, Status status, const char* message);

 private:
  bool take_over();
  void check_lease_now_and_then();
  RunResult complete_result();
  void begin();
  void train_until_end_or_stop();
  /// Some steps, or the evaluation that is due.
  void advance();
  /// Begins a save of the present state, and of what the log says of it. Returns its ticket. Throws kCancelled when
  /// `stop` said so while it waited for earlier saves.
  std::uint64_t save(SaveReason reason, const StopCheck& stop = {});
  void save_if_due();
  void save_if_requested();
  /// With checkpoint_seconds=auto: what saves cost decides when the next one is due.
  void learn_from(const std::vector<SaveOutcome>& saves);
  void tell_interval();
  [[nodiscard]] bool an_ending_waits() const;
  bool must_stop();
  void hear(const Notice& notice);
  void hear_withdrawal(const Notice& notice);
  void save_early();
  void tell(const Notice& notice) const;
  void tell_endings() const;
  [[nodiscard]] std::optional<std::int64_t> earliest_deadline_ns() const;
  void stop_at_notice();
  void stop_at_request();
  /// With after_durable=wait, after an interruption that lost nothing: true once it is withdrawn.
  bool may_go_on();
  /// False when something else asks for the end.
  bool is_withdrawn_in_time();
  /// Enters the outcome of the save that ends the run. Throws what throw_if_hopeless() does.
  void conclude(const SaveOutcome& outcome);
  [[nodiscard]] RunReason reason_to_stop() const;
  void finish();
  [[nodiscard]] ExportedModel export_final();
  [[nodiscard]] bool is_as_resumed() const;
  [[nodiscard]] std::string hash_of_what_is_left();

  Session& session_;
  Trainer& trainer_;
  const Clock& clock_;
  Poller* poller_;
  const CancelToken* cancel_;
  SavePolicy policy_;
  std::int64_t started_ns_;
  std::int64_t last_save_ns_ = 0;
  double told_interval_ = 0;  ///< in seconds
  std::int64_t lease_checked_ns_ = 0;
  bool is_writer_ = false;
  std::optional<CsvLog> csv_;
  std::uint64_t notice_position_ = 0;
  std::vector<Notice> endings_;  ///< notices that end this run, unless they are withdrawn before
  RunResult result_;
  std::uint64_t resumed_step_ = 0;
  std::size_t resumed_epochs_ = 0;
};

RunResult Run::execute() {
  policy_ = save_policy(session_.config());  // not in the constructor: what fails here is told
  while (!take_over()) {
    result_.reason = reason_to_stop();
    // A stop loses nothing before the first step; steps that the host asked for before this call are not saved.
    result_.durable = trainer_.step() == 0;
    if (!may_go_on()) return complete_result();
  }
  begin();
  do {
    train_until_end_or_stop();
    if (trainer_.done()) {
      finish();
    } else if (!endings_.empty()) {
      stop_at_notice();
    } else {
      stop_at_request();
    }
  } while (may_go_on());
  return complete_result();
}

void Run::train_until_end_or_stop() {
  while (!trainer_.done() && !must_stop()) {
    advance();
    save_if_due();
    save_if_requested();
    learn_from(session_.report_saves());
    check_lease_now_and_then();
  }
}

bool Run::may_go_on() {
  const bool waits =
      result_.reason == RunReason::kInterrupted && result_.durable && waits_after_durable(session_.config());
  if (!waits || !is_withdrawn_in_time()) return false;
  session_.log().info(cat("training goes on at step ", trainer_.step()));
  const bool resumed = result_.resumed;
  result_ = {};
  result_.resumed = resumed;
  last_save_ns_ = clock_.monotonic_ns();
  return true;
}

bool Run::is_withdrawn_in_time() {
  session_.log().warning(
      "after_durable=wait: everything is saved; waiting until the machine is taken away, the notice is withdrawn, or a "
      "further request to stop comes");
  while (!endings_.empty()) {
    const std::optional<Notice> notice = poller_->wait(notice_position_, kLookWhileWaiting, cancel_);
    if (session_.stop_requested() || poller_->closed() || (cancel_ != nullptr && cancel_->triggered())) return false;
    if (is_writer_) check_lease_now_and_then();
    if (!notice) continue;
    tell(*notice);
    if (ends_training(*notice) && notice->action == NoticeAction::kRequest) return false;
    if (ends_training(*notice)) endings_.push_back(*notice);
    if (notice->withdrawn) std::erase_if(endings_, [&](const Notice& ending) { return ending.id == notice->id; });
  }
  return true;
}

RunReason Run::reason_to_stop() const {
  if (!endings_.empty()) return RunReason::kInterrupted;
  return cancel_ != nullptr && cancel_->triggered() ? RunReason::kCancelled : RunReason::kStopped;
}

RunResult Run::complete_result() {
  result_.step = trainer_.step();
  result_.epoch = trainer_.epoch();
  result_.test_loss = trainer_.last_test().loss;
  result_.test_accuracy = trainer_.last_test().accuracy;
  result_.state_hash = session_.state_hash();
  result_.seconds = to_seconds(clock_.monotonic_ns() - started_ns_);
  return result_;
}

/// Becomes the volume's writer and resumes. False when a notice or a cancellation came while it waited for another
/// writer, or restored.
bool Run::take_over() {
  const StopCheck stop = [this] { return must_stop(); };
  try {
    session_.open_store(stop);
    if (trainer_.step() == 0) result_.resumed = session_.resume(stop);
    // Not before: whatever `stop` hears saves nothing in the middle of a restore.
    is_writer_ = true;
  } catch (const Error& error) {
    if (error.status() != Status::kCancelled) throw;
    session_.log().warning(error.what());
    tell_endings();
  }
  return is_writer_;
}

/// A fenced run is not to compute until its next save only to learn that it may not save.
void Run::check_lease_now_and_then() {
  const std::int64_t now = clock_.monotonic_ns();
  if (now - lease_checked_ns_ < kLeaseCheckPeriodNs) return;
  lease_checked_ns_ = now;
  session_.check_lease();
}

void Run::begin() {
  if (!trainer_.done()) session_.check_room();
  resumed_step_ = trainer_.step();
  resumed_epochs_ = trainer_.history().size();
  csv_.emplace(session_.volume().logs(), session_.staging(), session_.run_id(), trainer_.history(), trainer_.step(),
               session_.log());
  session_.prepare_save();
  session_.note_training_begin();
  last_save_ns_ = clock_.monotonic_ns();
  tell_interval();
  session_.log().info(cat(result_.resumed ? "resumed run " : "started run ", session_.run_id(), " at step ",
                          trainer_.step(), " of ", trainer_.total_steps()));
  const Dataset& dataset = session_.dataset();
  if (dataset.test.count == 0 && dataset.validation.count == 0) {
    session_.log().info(
        "the dataset has no test set: nothing is evaluated and keep_best keeps nothing, unless validation_size is set");
  }
  if (!trainer_.observer().wants(EventKind::kRunBegin)) return;
  const std::string hash = session_.state_hash();
  trainer_.observer().tell({.kind = EventKind::kRunBegin,
                            .step = trainer_.step(),
                            .epoch = trainer_.epoch(),
                            .resumed = result_.resumed,
                            .run_id = session_.run_id().c_str(),
                            .state_hash = hash.c_str()});
}

void Run::advance() {
  if (!trainer_.evaluation_due()) {
    const std::uint64_t most =
        std::min(trainer_.total_steps() - trainer_.step(), policy_.steps_until_due(trainer_.step()));
    const auto records = trainer_.train_some(most);
    csv_->add(records, clock_.monotonic_ns());
    session_.note_steps(records);
    trainer_.report_steps();
    return;
  }
  csv_->write_out();  // an evaluation may take long
  const std::size_t epochs = trainer_.history().size();
  trainer_.evaluate_position([this] { return must_stop(); });
  if (trainer_.history().size() > epochs) csv_->add(trainer_.history().back());
}

std::uint64_t Run::save(SaveReason reason, const StopCheck& stop) {
  if (csv_) csv_->write_out();
  return session_.save_soon(reason, stop);
}

void Run::save_if_due() {
  // The end of an epoch is saved with its evaluation, the end of the run by finish().
  if (trainer_.evaluation_due() || trainer_.done()) return;
  const std::int64_t now = clock_.monotonic_ns();
  const std::optional<SaveReason> reason = policy_.due({.step = trainer_.step(),
                                                        .steps_per_epoch = trainer_.steps_per_epoch(),
                                                        .since_save_ns = now - last_save_ns_,
                                                        .saving = session_.saving()});
  if (!reason) return;
  // An ending's own save is newer than this one, and is not to wait for a place that this one waits for, too.
  const bool may_be_left_out = *reason == SaveReason::kInterval;
  try {
    save(*reason, may_be_left_out ? StopCheck([this] { return an_ending_waits(); }) : StopCheck());
  } catch (const Error& error) {
    if (error.status() != Status::kCancelled) throw;
    return;
  }
  last_save_ns_ = now;
}

void Run::save_if_requested() {
  if (!session_.take_checkpoint_request()) return;
  try {
    // An ending's own save answers the request, too, and is not to wait for a place that this one waits for.
    save(SaveReason::kRequest, [this] { return an_ending_waits(); });
    last_save_ns_ = clock_.monotonic_ns();
  } catch (const Error& error) {
    if (error.status() != Status::kCancelled) throw;
  }
}

void Run::learn_from(const std::vector<SaveOutcome>& saves) {
  if (!policy_.automatic || saves.empty()) return;
  for (const SaveOutcome& save : saves) {
    // While training stands still it does nothing else. While the writer's thread works it may compute on one processor
    // less. While that one waits for the disk it loses nothing.
    if (!save.error) policy_.automatic->learn(save.report.stall_ns + save.report.processor_ns);
  }
  tell_interval();
}

/// At the begin, and when it has changed by more than a quarter.
void Run::tell_interval() {
  if (!policy_.automatic) return;
  const AutoInterval& automatic = *policy_.automatic;
  const double seconds = to_seconds(automatic.interval_ns());
  if (seconds < told_interval_ * 1.25 && told_interval_ < seconds * 1.25) return;
  told_interval_ = seconds;
  const auto rounded = [](double value) { return std::round(value * 100) / 100; };
  session_.log().info(cat("checkpoint_seconds=auto: a checkpoint every ", rounded(seconds), " s, as training loses ",
                          rounded(automatic.cost_seconds() * 1e3), " ms to a save",
                          automatic.has_measured() ? "" : " (not measured yet)", " and mean_uptime_seconds is ",
                          automatic.mean_uptime_seconds()));
}

/// Hears of nothing: what has come is still to be answered between two steps.
bool Run::an_ending_waits() const {
  std::uint64_t position = notice_position_;
  while (poller_ != nullptr) {
    const auto notice = poller_->next(position);
    if (!notice) break;
    if (!notice->withdrawn && ends_training(*notice)) return true;
  }
  return cancel_ != nullptr && cancel_->triggered();
}

bool Run::must_stop() {
  if (poller_ != nullptr) {
    while (const auto notice = poller_->next(notice_position_)) hear(*notice);
  }
  return !endings_.empty() || session_.stop_requested() || (cancel_ != nullptr && cancel_->triggered());
}

void Run::hear(const Notice& notice) {
  if (notice.withdrawn) return hear_withdrawal(notice);
  if (ends_training(notice)) {
    endings_.push_back(notice);
    return;
  }
  tell(notice);
  save_early();
}

/// Before the run has stopped it goes on.
void Run::hear_withdrawal(const Notice& notice) {
  const auto ending = std::ranges::find(endings_, notice.id, &Notice::id);
  if (ending != endings_.end()) {
    tell(*ending);
    endings_.erase(ending);
  }
  tell(notice);
}

void Run::save_early() {
  if (!is_writer_) return;
  save(SaveReason::kNotice);
  last_save_ns_ = clock_.monotonic_ns();
}

void Run::tell(const Notice& notice) const {
  const double left = notice.deadline_ns ? to_seconds(*notice.deadline_ns - clock_.monotonic_ns()) : Event::kNone;
  session_.log().warning(sentence_on(notice, left));
  trainer_.observer().tell({.kind = EventKind::kNotice,
                            .step = trainer_.step(),
                            .epoch = trainer_.epoch(),
                            .action = static_cast<std::int32_t>(notice.action),
                            .notice_id = notice.id,
                            .stale = notice.stale,
                            .withdrawn = notice.withdrawn,
                            .ends_run = ends_training(notice),
                            .seconds_left = left,
                            .source = notice.source.c_str(),
                            .detail = notice.detail.c_str(),
                            .run_id = session_.run_id().c_str()});
}

void Run::tell_endings() const {
  for (const Notice& notice : endings_) tell(notice);
}

/// Of the notices that end this run; nothing when none of them has one.
std::optional<std::int64_t> Run::earliest_deadline_ns() const {
  std::optional<std::int64_t> earliest;
  for (const Notice& notice : endings_) {
    if (notice.deadline_ns) earliest = std::min(earliest.value_or(*notice.deadline_ns), *notice.deadline_ns);
  }
  return earliest;
}

void Run::stop_at_notice() {
  result_.reason = RunReason::kInterrupted;
  // The writer starts first: whatever an observer does now costs none of the time that is left.
  const std::uint64_t ticket = save(SaveReason::kNotice);
  tell_endings();
  const SaveOutcome outcome = session_.finish_save(ticket);
  conclude(outcome);
  if (!result_.durable) return;
  const std::int64_t durable_at = outcome.report.durable_at_ns;
  result_.notice_to_durable_ms = to_milliseconds(durable_at - endings_.front().seen_ns);
  if (const auto deadline = earliest_deadline_ns()) result_.seconds_left = to_seconds(*deadline - durable_at);
}

void Run::stop_at_request() {
  result_.reason = reason_to_stop();
  conclude(session_.finish_save(save(SaveReason::kRequest)));
}

void Run::conclude(const SaveOutcome& outcome) {
  throw_if_hopeless(outcome);  // "not durable: run me again" would be the wrong answer
  result_.durable = !outcome.error;
  if (!outcome.error) return;
  result_.save_status = outcome.error->status();
  result_.save_message = outcome.error->what();
}

bool Run::is_as_resumed() const {
  return result_.resumed && trainer_.step() == resumed_step_ && trainer_.history().size() == resumed_epochs_;
}

void Run::finish() {
  if (!is_as_resumed()) {
    const SaveOutcome outcome = session_.finish_save(save(SaveReason::kFinal));
    if (outcome.error && outcome.error->status() == Status::kNoSpace) {
      // The model is smaller. Should there be no room for it either, the checkpoint is what matters.
      try {
        session_.log().warning(cat("the final model is written though its checkpoint is not: '",
                                   export_final().architecture.string(), "'"));
      } catch (const Error& error) {
        session_.log().error(error.what());
      }
    }
    if (outcome.error) throw Error(*outcome.error);
  }
  result_.durable = true;
  result_.model_path = export_final().architecture.string();
}

ExportedModel Run::export_final() {
  const std::filesystem::path models = session_.volume().models();
  const auto write = [&] { return session_.export_network(models / session_.run_id(), &session_.staging()); };
  try {
    try {
      return write();
    } catch (const Error& error) {
      if (error.status() != Status::kNoSpace) throw;
      session_.release_spares();
      return write();
    }
  } catch (const Error& error) {
    session_.check_lease();  // says more plainly why the staging folder is gone
    if (error.details().os_errno != ENOENT) throw;
    fail(Status::kIo,
         cat("'", models.string(),
             "' is missing: it was removed or renamed while the run was training; run "
             "again to write the model"),
         {.os_errno = ENOENT});
  }
}

/// Empty where the engine has no state any more: that is not to hide what went wrong.
std::string Run::hash_of_what_is_left() {
  try {
    return session_.state_hash();
  } catch (const std::exception&) {
    return {};
  }
}

void Run::tell_end(RunReason reason, Status status, const char* message) {
  if (!trainer_.observer().wants(EventKind::kRunEnd)) return;
  const std::string hash = status == Status::kOk ? session_.state_hash() : hash_of_what_is_left();
  trainer_.observer().tell({.kind = EventKind::kRunEnd,
                            .step = trainer_.step(),
                            .epoch = trainer_.epoch(),
                            .status = status,
                            .run_reason = static_cast<std::int32_t>(reason),
                            .message = message,
                            .run_id = session_.run_id().c_str(),
                            .state_hash = hash.c_str()});
}

/// Notes on the session's board that a run is over, however it ends.
class RunningNote {
 public:
  explicit RunningNote(Session& session) : session_(session) {
    session_.forget_stop();
    session_.note_run_begin();
  }
  ~RunningNote() { session_.note_run_end(); }
  RunningNote(const RunningNote&) = delete;
  RunningNote& operator=(const RunningNote&) = delete;

 private:
  Session& session_;
};

}  // namespace

const char* to_text(RunReason reason) {
  switch (reason) {
    case RunReason::kDone: return "done";
    case RunReason::kInterrupted: return "interrupted";
    case RunReason::kCancelled: return "cancelled";
    case RunReason::kStopped: return "stopped";
    case RunReason::kFailed: return "failed";
  }
  return "unknown";
}

RunResult run(Session& session, Poller* poller, const CancelToken* cancel) {
  const RunningNote note(session);
  Run run(session, poller, cancel);
  try {
    RunResult result = run.execute();
    run.tell_end(result.reason, Status::kOk, "");
    return result;
  } catch (const std::exception& exception) {
    const Error error = as_error(exception);
    // An observer that ended the run, or is the reason why it failed, is not asked again.
    if (error.status() != Status::kCallback) run.tell_end(RunReason::kFailed, error.status(), error.what());
    throw;
  }
}

}  // namespace spot
