#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "checkpoint/checkpoint_file.h"
#include "checkpoint/decoder.h"
#include "session/run.h"
#include "support/session_place.h"

using namespace spot;
using namespace spot::test;

namespace {

/// An engine that calls back in the middle of an evaluation, and may lose its state.
class ObservedEngine final : public Engine {
 public:
  static inline std::function<void()> on_evaluate;
  static inline bool is_lost = false;

  explicit ObservedEngine(const EngineSpec& spec) : inner_(spec) {}
  [[nodiscard]] std::string device() const override { return inner_.device(); }
  [[nodiscard]] std::string instruction_set() const override { return inner_.instruction_set(); }
  [[nodiscard]] int threads() const override { return inner_.threads(); }
  [[nodiscard]] const StateLayout& layout() const override { return inner_.layout(); }
  StepMetrics train_step(const BatchView& batch, std::uint64_t step, float rate) override {
    return inner_.train_step(batch, step, rate);
  }
  EvaluationMetrics evaluate(const BatchView& batch) override {
    on_evaluate();
    return inner_.evaluate(batch);
  }
  void predict(const BatchView& batch, std::span<float> result) override { inner_.predict(batch, result); }
  std::unique_ptr<StateReader> freeze_state() override { return inner_.freeze_state(); }
  void reserve_frozen_states(int count) override { inner_.reserve_frozen_states(count); }
  void read_state(std::span<float> state) const override {
    if (is_lost) fail(Status::kInternal, "there is no state");
    inner_.read_state(state);
  }
  void write_state(std::span<const float> state) override { inner_.write_state(state); }
  void read_gradients(std::span<float> gradients) const override { inner_.read_gradients(gradients); }
  std::vector<OperatorTime> profile(const BatchView& batch, int steps) override { return inner_.profile(batch, steps); }

 private:
  SoftmaxEngine inner_;
};

Backend observed_backend() {
  return {.name = "cpu",
          .score = 1,
          .detail = "",
          .create = [](const EngineSpec& spec, const Log&) -> std::unique_ptr<Engine> {
            return std::make_unique<ObservedEngine>(spec);
          }};
}

/// Why, of an event that has a reason.
std::string reason_of(const Event& event) {
  if (event.save_reason != 0) return to_text(static_cast<SaveReason>(event.save_reason));
  return event.run_reason != 0 ? to_text(static_cast<RunReason>(event.run_reason)) : "";
}

}  // namespace

TEST_CASE("a run trains to its end and leaves checkpoint, logs and model on the volume") {
  const Place place;
  const auto session = open(place.config("v"));
  const RunResult result = run(*session, nullptr, nullptr);
  CHECK(result.reason == RunReason::kDone);
  CHECK_FALSE(result.resumed);
  CHECK(result.durable);
  CHECK(result.step == 30);
  CHECK(result.epoch == 3);
  CHECK(result.test_accuracy > 0.9);
  CHECK(std::isnan(result.seconds_left));
  CHECK(result.state_hash == session->state_hash());
  CHECK(result.model_path == (place / "v" / "models" / "r1.json"));
  CHECK(fs::exists(place / "v" / "models" / "r1.safetensors"));
  const auto files = list_checkpoints(place / "v" / "checkpoints");
  REQUIRE_FALSE(files.empty());
  const Checkpoint last = load_checkpoint(files.front().path.string(), Links::kRefuse);
  CHECK(last.meta.step == 30);
  CHECK(last.meta.reason == "final");
  CHECK(last.meta.state_hash == result.state_hash);
  CHECK(last.meta.history.size() == 3);
}

TEST_CASE("a finished run that is started again trains nothing and says done") {
  const Place place;
  const RunResult first = run(*open(place.config("v")), nullptr, nullptr);
  const auto files = list_checkpoints(place / "v" / "checkpoints");
  const RunResult second = run(*open(place.config("v")), nullptr, nullptr);
  CHECK(second.reason == RunReason::kDone);
  CHECK(second.resumed);
  CHECK(second.durable);
  CHECK(second.state_hash == first.state_hash);
  CHECK(second.test_accuracy == first.test_accuracy);
  CHECK(list_checkpoints(place / "v" / "checkpoints").size() == files.size());
}

TEST_CASE("interrupted by a notice after every step, a run ends in the same bytes and logs") {
  const Place place;
  const RunResult whole = run(*open(place.config("whole")), nullptr, nullptr);

  RunResult result;
  int starts = 0;
  do {
    const auto session = open(place.config("cut"));
    const auto poller = quiet_poller();
    session->trainer().set_observer(
        {bit(EventKind::kStep), [&](const Event&) { poller->notify(NoticeAction::kTerminate, "test"); }});
    result = run(*session, poller.get(), nullptr);
    CHECK(result.durable);
    CHECK(result.resumed == (starts > 0));
    REQUIRE(++starts < 50);
  } while (result.reason == RunReason::kInterrupted);
  CHECK(starts == 31);
  CHECK(outcome_of(result, place / "cut") == outcome_of(whole, place / "whole"));
}

TEST_CASE("a notice is answered by a durable checkpoint with time and margin") {
  const Place place;
  const auto session = open(place.config("v"));
  const auto poller = quiet_poller();
  std::string heard;
  session->trainer().set_observer(
      {bit(EventKind::kCheckpoint) | bit(EventKind::kNotice) | bit(EventKind::kRunEnd), [&](const Event& event) {
         heard += cat(static_cast<int>(event.kind), ":", reason_of(event), event.source, " ");
       }});
  poller->notify(NoticeAction::kTerminate, "going away");
  const RunResult result = run(*session, poller.get(), nullptr);
  CHECK(result.reason == RunReason::kInterrupted);
  CHECK(result.durable);
  CHECK(result.step == 0);
  CHECK(result.notice_to_durable_ms > 0);
  CHECK(std::isfinite(result.seconds_left));
  CHECK(heard == "128:host 64:notice 2:interrupted ");
}

TEST_CASE("of several notices all are told, and the earliest deadline is the margin's") {
  const Place place;
  const auto session = open(place.config("v"));
  const auto poller = quiet_poller();
  std::string heard;
  session->trainer().set_observer(
      {bit(EventKind::kNotice), [&](const Event& event) { heard += cat(event.detail, " "); }});
  poller->notify(NoticeAction::kTerminate, "late", "host", std::chrono::seconds(1000));
  poller->notify(NoticeAction::kStop, "early", "host", std::chrono::seconds(500));
  const RunResult result = run(*session, poller.get(), nullptr);
  CHECK(result.durable);
  CHECK(heard == "late early ");
  CHECK(result.seconds_left < 500);
}

TEST_CASE("steps that no save has seen are not durable when the run ends while it waits for another writer") {
  const Place place;
  const auto holder = open(place.config("v"));
  holder->open_store();
  CancelToken cancel;
  cancel.trigger();
  const auto waiting = open(place.config("v"));
  CHECK(run(*waiting, nullptr, &cancel).durable);
  waiting->trainer().train_steps(5, {});
  const RunResult result = run(*waiting, nullptr, &cancel);
  CHECK(result.reason == RunReason::kCancelled);
  CHECK(result.step == 5);
  CHECK_FALSE(result.durable);
}

TEST_CASE("a notice during an evaluation abandons it, and the resumed run does it again") {
  const Place place;
  ObservedEngine::on_evaluate = [] {};
  const RunResult whole = run(*open(place.config("whole"), {}, observed_backend()), nullptr, nullptr);

  const auto poller = quiet_poller();
  int evaluations = 0;
  ObservedEngine::on_evaluate = [&] {
    if (++evaluations == 2) poller->notify(NoticeAction::kStop, "test");
  };
  auto session = open(place.config("cut"), {}, observed_backend());
  RunResult result = run(*session, poller.get(), nullptr);
  CHECK(evaluations == 2);  // of three batches
  CHECK(result.reason == RunReason::kInterrupted);
  CHECK(result.step == 10);
  CHECK(result.durable);
  CHECK(session->trainer().history().empty());
  session.reset();

  ObservedEngine::on_evaluate = [] {};
  result = run(*open(place.config("cut"), {}, observed_backend()), nullptr, nullptr);
  CHECK(result.reason == RunReason::kDone);
  CHECK(outcome_of(result, place / "cut") == outcome_of(whole, place / "whole"));
}

TEST_CASE("after_durable=wait: a run whose notice is withdrawn trains on to the same bytes") {
  const Place place;
  const RunResult whole = run(*open(place.config("whole")), nullptr, nullptr);

  Config config = place.config("v");
  config.set_text("after_durable", "wait");
  const auto session = open(config);
  const auto poller = quiet_poller();
  std::uint64_t first = 0, second = 0;
  std::string heard;
  session->trainer().set_observer({~std::uint32_t{0}, [&](const Event& event) {
                                     if (event.kind == EventKind::kStep && event.step == 13) {
                                       first = poller->notify(NoticeAction::kHibernate, "one");
                                       second = poller->notify(NoticeAction::kTerminate, "two");
                                     }
                                     if (event.kind == EventKind::kNotice)
                                       heard += cat(event.detail, event.withdrawn ? " is over, " : ", ");
                                     if (event.kind == EventKind::kCheckpoint && reason_of(event) == "notice") {
                                       heard += "saved, ";
                                       poller->withdraw(second);
                                       poller->withdraw(first);
                                     }
                                     if (event.kind == EventKind::kRunEnd) heard += "end";
                                   }});
  const RunResult result = run(*session, poller.get(), nullptr);
  CHECK(result.reason == RunReason::kDone);
  CHECK(std::isnan(result.notice_to_durable_ms));
  CHECK(heard == "one, two, saved, two is over, one is over, end");
  CHECK(outcome_of(result, place / "v") == outcome_of(whole, place / "whole"));
}

TEST_CASE("after_durable=wait: one that is not withdrawn ends the run when it is cancelled, or asked to stop") {
  for (const bool by_cancel : {true, false}) {
    const Place place;
    Config config = place.config("v");
    config.set_text("after_durable", "wait");
    const auto session = open(config);
    const auto poller = quiet_poller();
    CancelToken cancel;
    std::thread host;
    session->trainer().set_observer({bit(EventKind::kCheckpoint), [&](const Event&) {
                                       if (!by_cancel) return session->request_stop();
                                       host = std::thread([&] {
                                         std::this_thread::sleep_for(std::chrono::milliseconds(150));
                                         cancel.trigger();
                                       });
                                     }});
    poller->notify(NoticeAction::kTerminate, "test");
    const RunResult result = run(*session, poller.get(), &cancel);
    if (host.joinable()) host.join();
    CHECK(result.reason == RunReason::kInterrupted);
    CHECK(result.durable);
    CHECK(result.notice_to_durable_ms > 0);
    if (by_cancel) CHECK(result.seconds > 0.15);
  }
}

TEST_CASE("after_durable=wait: a run that was interrupted while it waited for another writer begins after all") {
  const Place place;
  auto holder = open(place.config("v"));
  holder->open_store();
  Config config = place.config("v");
  config.set_text("after_durable", "wait");
  const auto session = open(config);
  const auto poller = quiet_poller();
  const std::uint64_t id = poller->notify(NoticeAction::kTerminate, "test");
  session->trainer().set_observer({bit(EventKind::kNotice), [&](const Event& event) {
                                     if (event.withdrawn) return;
                                     holder.reset();
                                     poller->withdraw(id);
                                   }});
  const RunResult result = run(*session, poller.get(), nullptr);
  CHECK(result.reason == RunReason::kDone);
  CHECK(result.step == 30);
}

TEST_CASE("a rebalance recommendation saves early and trains on") {
  const Place place;
  const auto session = open(place.config("v"));
  const auto poller = quiet_poller();
  std::string reasons;
  session->trainer().set_observer({bit(EventKind::kCheckpoint) | bit(EventKind::kStep), [&](const Event& event) {
                                     if (event.kind == EventKind::kCheckpoint) {
                                       reasons += cat(reason_of(event), event.step, " ");
                                     } else if (event.step == 4) {
                                       poller->notify(NoticeAction::kRebalance, "soon");
                                     }
                                   }});
  CHECK(run(*session, poller.get(), nullptr).reason == RunReason::kDone);
  CHECK(reasons == "notice4 epoch10 epoch20 final30 ");
}

TEST_CASE("a cancelled run saves and says so; going on in the same session needs no volume") {
  const Place place;
  const auto session = open(place.config("v"));
  CancelToken cancel;
  session->trainer().set_observer({bit(EventKind::kStep), [&](const Event& event) {
                                     if (event.step == 13) cancel.trigger();
                                   }});
  const RunResult cancelled = run(*session, nullptr, &cancel);
  CHECK(cancelled.reason == RunReason::kCancelled);
  CHECK(cancelled.durable);
  CHECK(cancelled.step == 13);
  cancel.reset();
  const RunResult result = run(*session, nullptr, &cancel);
  CHECK(result.reason == RunReason::kDone);
  CHECK_FALSE(result.resumed);
  CHECK(outcome_of(run(*open(place.config("whole")), nullptr, nullptr), place / "whole") ==
        outcome_of(result, place / "v"));
}

TEST_CASE("checkpoints are saved by steps and epochs, an epoch's after its evaluation") {
  const Place place;
  Config config = place.config("v");
  config.set_integer("checkpoint_steps", 4);
  config.set_integer("keep_last", 100);
  run(*open(config), nullptr, nullptr);
  std::string saved;
  for (const StoredFile& file : list_checkpoints(place / "v" / "checkpoints")) {
    const CheckpointMeta meta = load_checkpoint(file.path.string(), Links::kRefuse).meta;
    CHECK(meta.history.size() == meta.step / 10);
    saved = cat(meta.reason, meta.step, " ", saved);
  }
  CHECK(saved == "interval4 interval8 epoch10 interval12 interval16 epoch20 interval24 interval28 final30 ");
}

TEST_CASE("an observer that throws ends the run after a whole step") {
  const Place place;
  const auto session = open(place.config("v"));
  session->trainer().set_observer({bit(EventKind::kStep) | bit(EventKind::kRunEnd), [](const Event& event) {
                                     CHECK(event.kind == EventKind::kStep);
                                     if (event.step == 5) fail(Status::kCallback, "enough");
                                   }});
  message_of(Status::kCallback, [&] { run(*session, nullptr, nullptr); });
  CHECK(session->trainer().step() == 5);
}

TEST_CASE("a device that fails for good is reported in its own words, and the run's end is told") {
  const Place place;
  ObservedEngine::on_evaluate = [] {
    ObservedEngine::is_lost = true;
    fail(Status::kNoMemory, "the device fell off the bus");
  };
  const auto session = open(place.config("v"), {}, observed_backend());
  std::string ends;
  session->trainer().set_observer({bit(EventKind::kRunEnd), [&](const Event& event) {
                                     ends += cat(reason_of(event), ":", event.state_hash, ";");
                                   }});
  const std::string message = message_of(Status::kNoMemory, [&] { run(*session, nullptr, nullptr); });
  ObservedEngine::is_lost = false;
  CHECK(message == "the device fell off the bus");
  CHECK(ends == "failed:;");
}
