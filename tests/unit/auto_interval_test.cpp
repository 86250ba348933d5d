#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "policy/save_interval.h"
#include "support/session_place.h"

using namespace spot;
using namespace spot::test;

namespace {

constexpr double kMeanUptimeSeconds = 20000;
constexpr std::int64_t kSecond = 1'000'000'000;

/// Moves only when told to; the writer's thread reads it, too.
class SharedClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t monotonic_ns() const override { return ns_; }
  [[nodiscard]] std::int64_t wall_ns() const override { return ns_; }
  void advance(std::int64_t ns) { ns_ += ns; }

 private:
  std::atomic<std::int64_t> ns_ = 0;
};

/// A run whose steps take 100 s and whose saves hold it up for 50 s, by a clock that stands still while a save is under
/// way.
class SlowRun {
 public:
  explicit SlowRun(const Config& config) {
    present_ = this;
    const Backend backend{.name = "cpu",
                          .score = 1,
                          .detail = "",
                          .create = [](const EngineSpec& spec, const Log&) -> std::unique_ptr<Engine> {
                            return std::make_unique<SlowToFreeze>(spec, *present_);
                          }};
    const Log log([this](LogLevel, std::string_view message) {
      const std::lock_guard lock(said_mutex_);
      said_ += cat(message, "\n");
    });
    session_ = std::make_unique<Session>(config, std::span(&backend, 1), clock_, log);
    session_->trainer().set_observer(
        {bit(EventKind::kStep) | bit(EventKind::kCheckpoint), [this](const Event& event) { hear(event); }});
  }

  /// Until so many saves are durable. Returns when each began.
  const std::vector<std::int64_t>& run_until(std::size_t saves) {
    most_ = saves;
    run(*session_, nullptr, nullptr);
    return began_ns_;
  }
  [[nodiscard]] const std::string& said() const { return said_; }

 private:
  class SlowToFreeze final : public SoftmaxEngine {
   public:
    SlowToFreeze(const EngineSpec& spec, SlowRun& run) : SoftmaxEngine(spec), run_(run) {}
    std::unique_ptr<StateReader> freeze_state() override {
      run_.saving_ = true;
      if (run_.began_ns_.size() < run_.most_) run_.began_ns_.push_back(run_.clock_.monotonic_ns());
      run_.clock_.advance(50 * kSecond);
      return SoftmaxEngine::freeze_state();
    }

   private:
    SlowRun& run_;
  };

  void hear(const Event& event) {
    if (event.kind == EventKind::kCheckpoint) saving_ = false;
    if (event.kind == EventKind::kCheckpoint && began_ns_.size() == most_) session_->request_stop();
    if (event.kind == EventKind::kStep && !saving_) clock_.advance(100 * kSecond);
  }

  static inline SlowRun* present_ = nullptr;  ///< for the engine that is made

  SharedClock clock_;
  std::mutex said_mutex_;
  std::string said_;
  bool saving_ = false;
  std::size_t most_ = 0;
  std::vector<std::int64_t> began_ns_;
  std::unique_ptr<Session> session_;
};

Config automatic(Config config) {
  config.set_integer("epochs", 1'000'000'000);
  config.set_integer("checkpoint_epochs", 0);
  config.set_text("checkpoint_seconds", "auto");
  config.set_real("mean_uptime_seconds", kMeanUptimeSeconds);
  return config;
}

}  // namespace

TEST_CASE("with checkpoint_seconds=auto a run saves at the interval that its saves' measured cost asks for") {
  const Place place;
  SlowRun slow(automatic(place.config("v")));
  const std::vector<std::int64_t>& began_ns = slow.run_until(5);
  REQUIRE(began_ns.size() == 5);
  CHECK(began_ns[0] == 100 * kSecond);  // soon: nothing was measured yet
  AutoInterval expected(kMeanUptimeSeconds);
  expected.learn(50 * kSecond);
  for (std::size_t i = 1; i < began_ns.size(); ++i) {
    const std::int64_t interval_ns = began_ns[i] - began_ns[i - 1];
    CHECK(interval_ns >= expected.interval_ns());
    // To the end of a step, and the writer's own work counts too.
    CHECK(interval_ns < expected.interval_ns() + 200 * kSecond);
  }
  CHECK(contains(slow.said(),
                 "checkpoint_seconds=auto: a checkpoint every 20 s, as training loses 10 ms to a save (not "
                 "measured yet) and mean_uptime_seconds is 20000"));
  CHECK(contains(slow.said(), "checkpoint_seconds=auto: a checkpoint every 14"));
}

TEST_CASE("a save is measured by the processor's time, too") {
  const Place place;
  const auto session = open(place.config("v"));
  session->open_store();
  const SaveOutcome outcome = session->finish_save(session->save_soon(SaveReason::kRequest));
  CHECK_FALSE(outcome.error);
  CHECK(outcome.report.processor_ns > 0);
}

TEST_CASE("checkpoint_seconds takes auto as text, and is no number then") {
  Config config;
  config.set_text("checkpoint_seconds", "auto");
  CHECK(config.text("checkpoint_seconds") == "auto");
  CHECK(contains(message_of(Status::kConfig, [&] { (void)config.real("checkpoint_seconds"); }), "get it as text"));
  config.set_text("checkpoint_seconds", "5");
  CHECK(config.real("checkpoint_seconds") == 5);
  CHECK(contains(
      message_of(Status::kConfig, [&] { config.set_text("checkpoint_seconds", "often"); }),
      "configuration key 'checkpoint_seconds' cannot be 'often': it takes a number from 0 to 1000000000 or auto"));
  CHECK(contains(message_of(Status::kConfig, [&] { config.set_text("mean_uptime_seconds", "auto"); }),
                 "1 to 1000000000"));
}
