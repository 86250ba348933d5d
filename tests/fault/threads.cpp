// threads VOLUME ROUNDS KEY=VALUE…
//
// Handles between threads, for ThreadSanitizer to look at: a trainer used from two threads at once (each call works
// or answers SPOT_E_BUSY), created on one thread, used on a second, freed on a third; a poller and a checkpoint used
// by many. Prints "rounds COUNT busy COUNT". ROUNDS 0 is the control: two threads that do race.

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "fault/handles.h"

using namespace spot::test;

namespace {

std::atomic<long> busy{0};

void expect(spot_status status, const char* what) {
  if (status == SPOT_E_BUSY) {
    ++busy;
  } else if (status != SPOT_OK) {
    give_up(std::string(what) + " answers " + spot_status_name(status));
  }
}

/// Every kind of call on one trainer, as fast as it goes.
void hammer(spot_trainer* trainer) {
  char hash[33];
  auto info = sized<spot_trainer_info>();
  auto saved = sized<spot_save_report>();
  for (int i = 0; i < 20; ++i) {
    expect(spot_trainer_step(trainer, 1, nullptr, nullptr, nullptr), "step");
    expect(spot_trainer_get_state_hash(trainer, hash, nullptr), "state_hash");
    expect(spot_trainer_checkpoint(trainer, nullptr, &saved, nullptr), "checkpoint");
    expect(spot_trainer_get_info(trainer, &info, nullptr), "get_info");
    if (i % 5 == 4) expect(spot_trainer_restore(trainer, nullptr, nullptr, nullptr), "restore");
  }
}

void watch(spot_poller* poller) {
  auto notice = sized<spot_notice>();
  auto health = sized<spot_poller_health>();
  uint64_t position = 0, id = 0;
  for (int i = 0; i < 50; ++i) {
    spot_poller_notify(poller, SPOT_ACTION_REQUEST, nullptr, "test", 30, &id, nullptr);
    spot_poller_wait(poller, &position, 0, nullptr, &notice, nullptr);
    spot_poller_get_health(poller, &health, nullptr);
    spot_poller_withdraw(poller, id, nullptr);
  }
}

void read(const spot_checkpoint* checkpoint) {
  for (int i = 0; i < 20; ++i) {
    char* json = nullptr;
    if (spot_checkpoint_describe(checkpoint, &json, nullptr) != SPOT_OK) give_up("describe fails");
    spot_text_free(json);
  }
}

template <typename Function, typename Handle>
void by_many(int count, Function function, Handle handle) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(function, handle);
  for (std::thread& thread : threads) thread.join();
}

void one_round(const Config& config, const char* volume) {
  Trainer trainer;
  std::thread([&] { trainer = make_trainer(config); }).join();
  expect(spot_trainer_step(trainer.get(), 1, nullptr, nullptr, nullptr), "step on a second thread");
  expect(spot_trainer_checkpoint(trainer.get(), nullptr, nullptr, nullptr), "checkpoint on a second thread");
  by_many(2, hammer, trainer.get());
  const Poller poller = make_poller(config);
  by_many(3, watch, poller.get());
  spot_checkpoint* opened = nullptr;
  if (spot_checkpoint_open(volume, nullptr, &opened, nullptr) != SPOT_OK) give_up("the volume cannot be opened");
  const Checkpoint checkpoint(opened);
  by_many(4, read, checkpoint.get());
  std::thread([&] { trainer.reset(); }).join();
}

int race() {
  static int shared_by_mistake = 0;
  const auto add = [](int times) {
    for (int i = 0; i < times; ++i) shared_by_mistake = shared_by_mistake + 1;
  };
  by_many(2, add, 100000);
  std::printf("raced to %d\n", shared_by_mistake);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  const long rounds = std::atol(argv[2]);
  if (rounds == 0) return race();
  const Config config = make_config(argv[1], argv + 3, argc - 3);
  for (long round = 0; round < rounds; ++round) one_round(config, argv[1]);
  if (busy == 0) give_up("two threads never met: this shows nothing");
  std::printf("rounds %ld busy %ld\n", rounds, busy.load());
  return 0;
}
