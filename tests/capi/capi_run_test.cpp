// Through the public header only: runs, callbacks, interruptions.

#include <cmath>
#include <spot_trainer.h>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "capi/owners.h"

using namespace spot::test;

namespace {

/// What a callback remembers and does.
struct Observer {
  std::vector<std::int32_t> kinds;
  spot_trainer* trainer = nullptr;
  spot_poller* poller = nullptr;
  spot_cancel* cancel = nullptr;
  std::uint64_t act_at_step = 0;
  std::int32_t answer = 0;
  spot_status reentry = SPOT_OK;
};

std::int32_t remember(void* user, const spot_event* event) {
  auto* observer = static_cast<Observer*>(user);
  observer->kinds.push_back(event->kind);
  CHECK(event->struct_size == sizeof(spot_event));
  for (const char* text : {event->message, event->path, event->source, event->detail, event->run_id, event->state_hash,
                           event->not_promised}) {
    CHECK(text != nullptr);
  }
  return 0;
}

std::int32_t act(void* user, const spot_event* event) {
  auto* observer = static_cast<Observer*>(user);
  if (event->step != observer->act_at_step) return 0;
  if (observer->poller != nullptr) {
    spot_poller_notify(observer->poller, SPOT_ACTION_TERMINATE, nullptr, "test", 30, nullptr, nullptr);
  }
  spot_cancel_trigger(observer->cancel);
  if (observer->trainer != nullptr) {
    observer->reentry = spot_trainer_step(observer->trainer, 1, nullptr, nullptr, nullptr);
    spot_trainer_free(observer->trainer);  // does nothing: the caller is using it
  }
  return observer->answer;
}

spot_run_result run(spot_trainer* trainer, spot_poller* poller = nullptr, spot_cancel* cancel = nullptr) {
  auto result = sized<spot_run_result>();
  ErrorSlot error;
  check_ok(spot_trainer_run(trainer, poller, cancel, &result, error), error);
  return result;
}

constexpr std::uint32_t kSteps = SPOT_EVENT_STEP;

}  // namespace

TEST_CASE("a run tells of its events in order") {
  const Place place;
  const Config config = place.config("v");
  set(config, "epochs", "1");
  set(config, "batch_size", "75");
  const Trainer trainer = make_trainer(config);
  Observer observer;
  REQUIRE(spot_trainer_set_callback(trainer.get(), SPOT_EVENT_ALL, remember, &observer, nullptr, nullptr) == SPOT_OK);
  const spot_run_result result = run(trainer.get());
  CHECK(result.reason == SPOT_RUN_DONE);
  CHECK(result.durable == 1);
  CHECK(std::isnan(result.notice_to_durable_ms));
  CHECK(result.state_hash == hash_of(trainer.get()));
  CHECK(std::filesystem::exists(result.model_path));
  const std::vector<std::int32_t> expected = {SPOT_EVENT_RUN_BEGIN,  SPOT_EVENT_EPOCH_BEGIN, SPOT_EVENT_STEP,
                                              SPOT_EVENT_STEP,       SPOT_EVENT_EVALUATION,  SPOT_EVENT_EPOCH_END,
                                              SPOT_EVENT_CHECKPOINT, SPOT_EVENT_RUN_END};
  CHECK((observer.kinds == expected));

  observer.kinds.clear();
  REQUIRE(spot_trainer_set_callback(trainer.get(), SPOT_EVENT_ALL, nullptr, nullptr, nullptr, nullptr) == SPOT_OK);
  REQUIRE(spot_trainer_step(trainer.get(), 1, nullptr, nullptr, nullptr) == SPOT_OK);
  CHECK(observer.kinds.empty());
}

TEST_CASE("a callback that returns non-zero ends the call after a whole step") {
  const Place place;
  const Trainer trainer = make_trainer(place.config("v"));
  const Trainer reference = make_trainer(place.config("w"));
  Observer observer;
  observer.act_at_step = 3;
  observer.answer = 42;
  REQUIRE(spot_trainer_set_callback(trainer.get(), kSteps, act, &observer, nullptr, nullptr) == SPOT_OK);
  ErrorSlot error;
  CHECK(spot_trainer_step(trainer.get(), 9, nullptr, nullptr, error) == SPOT_E_CALLBACK);
  CHECK(error.message().find("42") != std::string::npos);
  REQUIRE(spot_trainer_step(reference.get(), 3, nullptr, nullptr, nullptr) == SPOT_OK);
  CHECK(hash_of(trainer.get()) == hash_of(reference.get()));
}

TEST_CASE("calling the trainer from its own callback answers busy, and freeing it there does nothing") {
  const Place place;
  const Trainer trainer = make_trainer(place.config("v"));
  Observer observer;
  observer.act_at_step = 2;
  observer.trainer = trainer.get();
  REQUIRE(spot_trainer_set_callback(trainer.get(), kSteps, act, &observer, nullptr, nullptr) == SPOT_OK);
  CHECK(spot_trainer_step(trainer.get(), 3, nullptr, nullptr, nullptr) == SPOT_OK);
  CHECK(observer.reentry == SPOT_E_BUSY);
}

TEST_CASE("cancel takes effect after a whole step, in steps, evaluations and runs") {
  const Place place;
  const Trainer trainer = make_trainer(place.config("v"));
  const Cancel cancel = make_cancel();
  Observer observer;
  observer.act_at_step = 4;
  observer.cancel = cancel.get();
  REQUIRE(spot_trainer_set_callback(trainer.get(), kSteps, act, &observer, nullptr, nullptr) == SPOT_OK);
  CHECK(spot_trainer_step(trainer.get(), 9, cancel.get(), nullptr, nullptr) == SPOT_E_CANCELLED);
  auto info = sized<spot_trainer_info>();
  REQUIRE(spot_trainer_get_info(trainer.get(), &info, nullptr) == SPOT_OK);
  CHECK(info.step == 4);
  CHECK(spot_cancel_is_triggered(cancel.get()) == 1);
  auto metrics = sized<spot_metrics>();
  CHECK(spot_trainer_evaluate(trainer.get(), SPOT_SPLIT_TEST, cancel.get(), &metrics, nullptr) == SPOT_E_CANCELLED);
  const spot_run_result result = run(trainer.get(), nullptr, cancel.get());
  CHECK(result.reason == SPOT_RUN_CANCELLED);
  CHECK(result.durable == 1);
  CHECK(result.step == 4);
  spot_cancel_reset(cancel.get());
  CHECK(run(trainer.get(), nullptr, cancel.get()).reason == SPOT_RUN_DONE);
}

TEST_CASE("interrupted at every step, a run ends in the bytes of an uninterrupted one") {
  const Place place;
  const Trainer whole = make_trainer(place.config("whole"));
  const std::string expected = run(whole.get()).state_hash;
  int interruptions = 0;
  for (;;) {
    const Config config = place.config("cut");
    const Trainer trainer = make_trainer(config);
    const Poller poller = make_poller(config);
    Observer observer;
    observer.poller = poller.get();
    observer.act_at_step = static_cast<std::uint64_t>(interruptions) + 1;
    REQUIRE(spot_trainer_set_callback(trainer.get(), kSteps, act, &observer, nullptr, nullptr) == SPOT_OK);
    const spot_run_result result = run(trainer.get(), poller.get());
    CHECK(result.durable == 1);
    if (result.reason == SPOT_RUN_DONE) {
      CHECK(result.state_hash == expected);
      break;
    }
    CHECK(result.notice_to_durable_ms > 0);
    REQUIRE(++interruptions < 40);
  }
  CHECK(interruptions == 20);
}

TEST_CASE("the state is the same for 1, 2 and 4 threads") {
  const Place place;
  std::string expected;
  for (const char* threads : {"1", "2", "4"}) {
    const Config config = place.config(threads);
    set(config, "threads", threads);
    set(config, "model", "lenet-5");
    const Trainer trainer = make_trainer(config);
    REQUIRE(spot_trainer_step(trainer.get(), 12, nullptr, nullptr, nullptr) == SPOT_OK);
    if (expected.empty()) expected = hash_of(trainer.get());
    CHECK(hash_of(trainer.get()) == expected);
  }
}

TEST_CASE("poller and cancel may be freed while a run uses them") {
  const Place place;
  const Config config = place.config("v");
  const Trainer trainer = make_trainer(config);
  struct Freed {
    Poller poller;
    Cancel cancel;
  } freed{make_poller(config), make_cancel()};
  const auto free_both = [](void* user, const spot_event*) -> std::int32_t {
    static_cast<Freed*>(user)->poller.reset();
    static_cast<Freed*>(user)->cancel.reset();
    return 0;
  };
  REQUIRE(spot_trainer_set_callback(trainer.get(), kSteps, free_both, &freed, nullptr, nullptr) == SPOT_OK);
  CHECK(run(trainer.get(), freed.poller.get(), freed.cancel.get()).reason == SPOT_RUN_DONE);
}

TEST_CASE("the log receives whole lines with a level") {
  const Place place;
  const Config config = place.config("v");
  set(config, "epochs", "1");
  std::vector<std::string> lines;
  const auto receive = [](void* user, std::int32_t level, const char* text, std::size_t length) {
    CHECK(level >= SPOT_LOG_ERROR);
    CHECK(level <= SPOT_LOG_DEBUG);
    static_cast<std::vector<std::string>*>(user)->emplace_back(text, length);
  };
  REQUIRE(spot_config_set_log(config.get(), SPOT_LOG_DEBUG, receive, &lines, nullptr, nullptr) == SPOT_OK);
  {
    const Trainer trainer = make_trainer(config);
    run(trainer.get());
  }
  CHECK_FALSE(lines.empty());
  for (const std::string& line : lines) CHECK(line.find('\n') == std::string::npos);
}
