// Through the public header only: threads, concurrent calls, fork().

#include <atomic>
#include <csignal>
#include <pthread.h>
#include <spot_trainer.h>
#include <string>
#include <thread>
#include <unistd.h>

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "capi/owners.h"

using namespace spot::test;

TEST_CASE("a trainer may be created, stepped and freed on three threads") {
  const Place place;
  const Config config = place.config("v");
  spot_trainer* trainer = nullptr;
  spot_status status = SPOT_E_INTERNAL;
  std::thread([&] { status = spot_trainer_create(config.get(), nullptr, nullptr, &trainer, nullptr); }).join();
  REQUIRE(status == SPOT_OK);
  std::thread([&] { status = spot_trainer_step(trainer, 3, nullptr, nullptr, nullptr); }).join();
  CHECK(status == SPOT_OK);
  std::thread([&] { status = spot_trainer_checkpoint(trainer, nullptr, nullptr, nullptr); }).join();
  CHECK(status == SPOT_OK);
  std::thread([&] { spot_trainer_free(trainer); }).join();
}

TEST_CASE("a second call at the same time is refused and changes nothing") {
  const Place place;
  const Trainer trainer = make_trainer(place.config("v"));
  const Cancel cancel = make_cancel();
  struct Shared {
    std::atomic<bool> inside{false};
    std::atomic<bool> go_on{false};
  } shared;
  const auto hold = [](void* user, const spot_event*) -> std::int32_t {
    auto* state = static_cast<Shared*>(user);
    state->inside = true;
    while (!state->go_on) std::this_thread::yield();
    return 0;
  };
  REQUIRE(spot_trainer_set_callback(trainer.get(), SPOT_EVENT_STEP, hold, &shared, nullptr, nullptr) == SPOT_OK);
  std::thread other([&] { CHECK(spot_trainer_step(trainer.get(), 2, nullptr, nullptr, nullptr) == SPOT_OK); });
  while (!shared.inside) std::this_thread::yield();
  char hash[33] = "untouched";
  CHECK(spot_trainer_get_state_hash(trainer.get(), hash, nullptr) == SPOT_E_BUSY);
  CHECK(hash == std::string("untouched"));
  shared.go_on = true;
  other.join();
  auto info = sized<spot_trainer_info>();
  CHECK(spot_trainer_get_info(trainer.get(), &info, nullptr) == SPOT_OK);
  CHECK(info.step == 2);
}

TEST_CASE("a thread may end itself in a callback: the process lives, and the trainer is free again") {
  const Place place;
  const Trainer trainer = make_trainer(place.config("v"));
  const auto leave = [](void*, const spot_event* event) -> int32_t {
    if (event->kind == SPOT_EVENT_STEP) pthread_exit(nullptr);
    return 0;
  };
  call(spot_trainer_set_callback, trainer.get(), SPOT_EVENT_ALL, leave, nullptr, nullptr);
  pthread_t thread{};
  const auto step = [](void* handle) -> void* {
    spot_trainer_step(static_cast<spot_trainer*>(handle), 1, nullptr, nullptr, nullptr);
    return handle;  // never: the callback ends the thread
  };
  REQUIRE(pthread_create(&thread, nullptr, step, trainer.get()) == 0);
  void* returned = trainer.get();
  REQUIRE(pthread_join(thread, &returned) == 0);
  CHECK(returned == nullptr);
  call(spot_trainer_set_callback, trainer.get(), 0, nullptr, nullptr, nullptr);
  CHECK(spot_trainer_step(trainer.get(), 1, nullptr, nullptr, nullptr) == SPOT_OK);
}

TEST_CASE("a cancel handle with two owners outlives the first") {
  Cancel first = make_cancel();
  spot_cancel_retain(first.get());
  const Cancel second(first.get());
  first.reset();
  spot_cancel_trigger(second.get());
  CHECK(spot_cancel_is_triggered(second.get()) == 1);
}

#if !defined(__SANITIZE_THREAD__)  // its runtime does not survive fork() in a program with threads

TEST_CASE("in a forked child every handle of the parent says so, and free does nothing") {
  const Place place;
  const Config config = place.config("v");
  Trainer trainer = make_trainer(config);
  Poller poller = make_poller(config);
  const std::string hash = hash_of(trainer.get());

  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    char text[33];
    auto notice = sized<spot_notice>();
    spot_trainer* another = nullptr;
    const bool refused = spot_trainer_get_state_hash(trainer.get(), text, nullptr) == SPOT_E_FORKED &&
                         spot_trainer_step(trainer.get(), 1, nullptr, nullptr, nullptr) == SPOT_E_FORKED &&
                         spot_trainer_create(config.get(), nullptr, nullptr, &another, nullptr) == SPOT_E_FORKED &&
                         spot_poller_wait(poller.get(), nullptr, 0, nullptr, &notice, nullptr) == SPOT_E_FORKED;
    spot_trainer_free(trainer.get());
    spot_poller_free(poller.get());
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(hash_of(trainer.get()) == hash);
  CHECK(spot_trainer_step(trainer.get(), 1, nullptr, nullptr, nullptr) == SPOT_OK);
}

/// A host that leaves SIGXFSZ and SIGPIPE at their defaults, which end it, and may write `bytes` a file. What failed is
/// in the bits of the answer.
int live_with_small_files(const Place& place, const std::string& checkpoint, rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_DFL);
  std::signal(SIGPIPE, SIG_DFL);
  const rlimit limit{bytes, bytes};
  setrlimit(RLIMIT_FSIZE, &limit);
  const Config config = place.config("small");
  const Trainer trainer = make_trainer(config);
  auto result = sized<spot_run_result>();
  const spot_status run = spot_trainer_run(trainer.get(), nullptr, nullptr, &result, nullptr);
  const spot_status saved = spot_trainer_checkpoint(trainer.get(), nullptr, nullptr, nullptr);
  spot_checkpoint* opened = nullptr;
  spot_checkpoint_open(checkpoint.c_str(), nullptr, &opened, nullptr);
  const spot_status exported = spot_checkpoint_export(opened, (place / "exported").c_str(), nullptr, nullptr);
  spot_checkpoint_free(opened);
  sigset_t waiting;
  const bool signal_is_left = sigpending(&waiting) == 0 && sigismember(&waiting, SIGXFSZ) == 1;
  return (run == SPOT_E_NO_SPACE ? 0 : 1) + (saved == SPOT_E_NO_SPACE ? 0 : 2) + (exported == SPOT_E_NO_SPACE ? 0 : 4) +
         (signal_is_left ? 8 : 0);
}

TEST_CASE("a limit of file size is an error of the save, the log and the export, and ends no host") {
  const Place place;
  REQUIRE(spot_trainer_checkpoint(make_trainer(place.config("v")).get(), nullptr, nullptr, nullptr) == SPOT_OK);
  const std::string volume = (place / "v").string();
  for (const rlim_t bytes : {rlim_t{20'000}, rlim_t{700}}) {  // within a checkpoint; within the log of steps, too
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) _exit(live_with_small_files(place, volume, bytes));
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
}

#endif
