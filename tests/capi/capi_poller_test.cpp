// Through the public header only: notices, and who sees them.

#include <chrono>
#include <cmath>
#include <limits>
#include <spot_trainer.h>
#include <string>
#include <thread>
#include <utility>

#include <doctest/doctest.h>

#include "capi/owners.h"

using namespace spot::test;
using std::chrono::milliseconds;

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

Poller quiet_poller() {
  const Config config = make_config();
  set(config, "metadata", "none");
  return make_poller(config);
}

std::uint64_t notify(const Poller& poller, std::int32_t action, const char* detail, double left = 60) {
  std::uint64_t id = 0;
  ErrorSlot error;
  check_ok(spot_poller_notify(poller.get(), action, "drill", detail, left, &id, error), error);
  return id;
}

/// One reader of a poller, with a place of its own.
struct Watcher {
  spot_poller* poller;
  std::uint64_t position = 0;
  spot_notice notice = sized<spot_notice>();

  spot_status wait(std::int64_t timeout_ms, spot_cancel* cancel = nullptr) {
    return spot_poller_wait(poller, &position, timeout_ms, cancel, &notice, nullptr);
  }
  /// Reads on, and says what it heard: the id, '!' when a run ends at it, '-' when it is withdrawn.
  std::string all() {
    std::string heard;
    while (wait(0) == SPOT_OK) {
      heard += std::to_string(notice.id) + (notice.withdrawn == 1 ? "-" : notice.ends_run == 1 ? "!" : "") + " ";
    }
    return heard;
  }
};

/// What a run's callback does to the poller, and what it hears of it.
struct Script {
  spot_poller* poller;
  std::uint64_t notify_at = 0, withdraw_at = 0, id = 0;
  std::string heard{};
};

std::int32_t play(void* user, const spot_event* event) {
  auto& script = *static_cast<Script*>(user);
  if (event->kind == SPOT_EVENT_NOTICE) {
    script.heard += std::string(event->source) + (event->withdrawn == 1 ? "-" : event->ends_run == 1 ? "! " : " ");
    return 0;
  }
  if (event->kind != SPOT_EVENT_STEP) return 0;
  if (event->step == script.notify_at) {
    spot_poller_notify(script.poller, SPOT_ACTION_STOP, "drill", "", 60, &script.id, nullptr);
  }
  if (event->step == script.withdraw_at) spot_poller_withdraw(script.poller, script.id, nullptr);
  return 0;
}

spot_run_result run(const Config& config, Script& script) {
  const Trainer trainer = make_trainer(config);
  ErrorSlot error;
  check_ok(spot_trainer_set_callback(trainer.get(), SPOT_EVENT_ALL, play, &script, nullptr, error), error);
  auto result = sized<spot_run_result>();
  check_ok(spot_trainer_run(trainer.get(), script.poller, nullptr, &result, error), error);
  return result;
}

}  // namespace

TEST_CASE("a notice carries what its host says of it") {
  const Poller poller = quiet_poller();
  Watcher watcher{poller.get()};
  CHECK(watcher.wait(0) == SPOT_E_TIMEOUT);
  CHECK(watcher.wait(20) == SPOT_E_TIMEOUT);

  const std::uint64_t id = notify(poller, SPOT_ACTION_STOP, "because");
  REQUIRE(watcher.wait(-1) == SPOT_OK);
  CHECK(watcher.notice.id == id);
  CHECK(watcher.notice.action == SPOT_ACTION_STOP);
  CHECK(watcher.notice.source == std::string("drill"));
  CHECK(watcher.notice.detail == std::string("because"));
  CHECK(watcher.notice.seconds_since >= 0);
  CHECK(watcher.notice.seconds_left > 30);
  CHECK(watcher.notice.seconds_left <= 60);
  CHECK(watcher.notice.ends_run == 1);
  CHECK(watcher.wait(0) == SPOT_E_TIMEOUT);

  notify(poller, SPOT_ACTION_REBALANCE, "soon", kUnknown);
  REQUIRE(watcher.wait(0) == SPOT_OK);
  CHECK(std::isnan(watcher.notice.seconds_left));
  CHECK(watcher.notice.ends_run == 0);
  for (const double odd : {std::numeric_limits<double>::infinity(), 1e300, -1e300}) {
    notify(poller, SPOT_ACTION_REQUEST, "odd", odd);
    REQUIRE(watcher.wait(0) == SPOT_OK);
    CHECK(std::isnan(watcher.notice.seconds_left));
  }

  REQUIRE(spot_poller_notify(poller.get(), SPOT_ACTION_REQUEST, nullptr, nullptr, -5, nullptr, nullptr) == SPOT_OK);
  REQUIRE(watcher.wait(0) == SPOT_OK);
  CHECK(watcher.notice.source == std::string("host"));
  CHECK(watcher.notice.seconds_left <= -5);

  auto health = sized<spot_poller_health>();
  REQUIRE(spot_poller_get_health(poller.get(), &health, nullptr) == SPOT_OK);
  CHECK(health.disabled == 1);
  CHECK(health.source == std::string());
  CHECK(std::isnan(health.seconds_since_success));
}

TEST_CASE("every watcher sees every notice and its withdrawal, from its own place") {
  const Poller poller = quiet_poller();
  Watcher early{poller.get()}, late{poller.get()};
  const std::uint64_t first = notify(poller, SPOT_ACTION_TERMINATE, "a");
  CHECK(early.all() == std::to_string(first) + "! ");
  const std::uint64_t second = notify(poller, SPOT_ACTION_REBALANCE, "b");
  REQUIRE(spot_poller_withdraw(poller.get(), first, nullptr) == SPOT_OK);
  const std::string rest = std::to_string(second) + " " + std::to_string(first) + "- ";
  CHECK(early.all() == rest);
  CHECK(late.all() == std::to_string(first) + "! " + rest);
  CHECK(std::isnan(late.notice.seconds_left));

  CHECK(spot_poller_withdraw(poller.get(), first, nullptr) == SPOT_E_NOT_FOUND);
  CHECK(spot_poller_withdraw(poller.get(), 999, nullptr) == SPOT_E_NOT_FOUND);
  CHECK(spot_poller_withdraw(poller.get(), 0, nullptr) == SPOT_E_NOT_FOUND);

  // Without a place each call begins with the first.
  auto notice = sized<spot_notice>();
  for (int i = 0; i < 2; ++i) {
    REQUIRE(spot_poller_wait(poller.get(), nullptr, 0, nullptr, &notice, nullptr) == SPOT_OK);
    CHECK(notice.id == first);
  }
}

TEST_CASE("a host that files notices without end uses no more memory, and an ending is not forgotten") {
  const Poller poller = quiet_poller();
  const std::uint64_t ending = notify(poller, SPOT_ACTION_TERMINATE, "the end");
  for (int i = 0; i < 5000; ++i) notify(poller, SPOT_ACTION_REBALANCE, "soon");
  Watcher watcher{poller.get()};
  REQUIRE(watcher.wait(0) == SPOT_OK);
  CHECK(watcher.notice.id == ending);
  int heard = 1;
  while (watcher.wait(0) == SPOT_OK) ++heard;
  CHECK(heard <= 1024);
  CHECK(watcher.notice.id == ending + 5000);
}

TEST_CASE("two runs and a watcher on one poller all see each notice") {
  const Place place;
  const Poller poller = quiet_poller();
  const Config first = place.config("v"), second = place.config("w");
  for (const Config* config : {&first, &second}) {
    set(*config, "epochs", "100000");
    set(*config, "checkpoint_epochs", "0");
  }
  Script quiet{poller.get()}, noisy{poller.get()};
  noisy.notify_at = 3;
  std::thread other([&] {
    const spot_run_result result = run(first, quiet);
    CHECK(result.reason == SPOT_RUN_INTERRUPTED);
    CHECK(result.durable == 1);
  });
  CHECK(run(second, noisy).reason == SPOT_RUN_INTERRUPTED);
  other.join();
  CHECK(quiet.heard == "drill! ");
  CHECK(noisy.heard == "drill! ");
  Watcher watcher{poller.get()};
  CHECK(watcher.all() == std::to_string(noisy.id) + "! ");
}

TEST_CASE("a run that has not stopped for a notice goes on when it is withdrawn") {
  const Place place;
  const Poller poller = quiet_poller();
  Script script{poller.get()};
  script.notify_at = script.withdraw_at = 4;
  CHECK(run(place.config("v"), script).reason == SPOT_RUN_DONE);
  CHECK(script.heard == "drill! drill-");

  script = {poller.get()};
  script.notify_at = 4;
  CHECK(run(place.config("w"), script).reason == SPOT_RUN_INTERRUPTED);
  spot_poller_withdraw(poller.get(), script.id, nullptr);
  const spot_run_result resumed = run(place.config("w"), script);
  CHECK(resumed.reason == SPOT_RUN_DONE);
  CHECK(resumed.resumed == 1);
}

TEST_CASE("a cancellation ends a wait, and freeing the poller ends every wait") {
  Poller poller = quiet_poller();
  const Cancel cancel = make_cancel();
  Watcher watcher{poller.get()};
  spot_cancel_trigger(cancel.get());
  CHECK(watcher.wait(-1, cancel.get()) == SPOT_E_CANCELLED);
  notify(poller, SPOT_ACTION_STOP, "a notice comes before a cancellation");
  CHECK(watcher.wait(-1, cancel.get()) == SPOT_OK);
  spot_cancel_reset(cancel.get());
  CHECK(watcher.wait(10, cancel.get()) == SPOT_E_TIMEOUT);

  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(30));
    spot_cancel_trigger(cancel.get());
  });
  CHECK(watcher.wait(-1, cancel.get()) == SPOT_E_CANCELLED);
  canceller.join();

  spot_poller* raw = poller.get();
  std::thread owner([owned = std::move(poller)]() mutable {
    std::this_thread::sleep_for(milliseconds(100));
    owned.reset();
  });
  std::thread other([raw] {
    Watcher second{raw, 1};
    CHECK(second.wait(-1) == SPOT_E_CANCELLED);
  });
  CHECK(watcher.wait(INT64_MAX) == SPOT_E_CANCELLED);
  owner.join();
  other.join();
}

TEST_CASE("a poller that cannot be is refused") {
  const Config config = make_config();
  set(config, "metadata", "carrier-pigeon");
  spot_poller* poller = nullptr;
  ErrorSlot error;
  CHECK(spot_poller_create(config.get(), &poller, error) == SPOT_E_CONFIG);
  CHECK(poller == nullptr);
}
