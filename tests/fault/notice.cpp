// notice VOLUME WHEN MICROSECONDS KEY=VALUE…
//
// One run, with a notice that arrives so long after WHEN: "load" (the dataset begins to be loaded), "run" (the run
// begins: it restores), "step" (the first step is done: it saves all the time) or "evaluation" (the last step of the
// first epoch is done); "never" for none. Prints "REASON DURABLE STEP HASH MILLISECONDS": spot_run_result's reason and
// durable, and the time from the notice to durable.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "fault/handles.h"

using namespace spot::test;

namespace {

struct Moment {
  std::string when;
  std::atomic<bool> come{false};
  std::uint64_t steps_per_epoch = 0;
};

void wait_and_notify(const Moment& moment, std::chrono::microseconds delay, spot_poller* poller) {
  while (!moment.come) std::this_thread::yield();
  const auto end = std::chrono::steady_clock::now() + delay;
  while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
  if (moment.when != "never") spot_poller_notify(poller, SPOT_ACTION_TERMINATE, nullptr, "test", 30, nullptr, nullptr);
}

std::int32_t on_event(void* user, const spot_event* event) {
  auto& moment = *static_cast<Moment*>(user);
  const bool epoch_over = event->kind == SPOT_EVENT_STEP && event->step % moment.steps_per_epoch == 0;
  if (moment.when == "step" && event->kind == SPOT_EVENT_STEP) moment.come = true;
  if (moment.when == "evaluation" && epoch_over) moment.come = true;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 64;
  const Config config = make_config(argv[1], argv + 4, argc - 4);
  const Poller poller = make_poller(config);
  Moment moment;
  moment.when = argv[2];
  moment.come = moment.when == "load" || moment.when == "never";
  std::thread watcher(wait_and_notify, std::cref(moment), std::chrono::microseconds(std::atol(argv[3])), poller.get());
  const Trainer trainer = make_trainer(config);
  auto info = sized<spot_trainer_info>();
  spot_trainer_get_info(trainer.get(), &info, nullptr);
  moment.steps_per_epoch = info.steps_per_epoch;
  if (moment.when == "load") watcher.join();
  spot_trainer_set_callback(trainer.get(), SPOT_EVENT_ALL, on_event, &moment, nullptr, nullptr);
  if (moment.when == "run") moment.come = true;
  auto result = sized<spot_run_result>();
  must("run", spot_trainer_run, trainer.get(), poller.get(), nullptr, &result);
  moment.come = true;
  if (watcher.joinable()) watcher.join();
  std::printf("%s %d %llu %s %.3f\n", spot_run_reason_name(result.reason), result.durable,
              static_cast<unsigned long long>(result.step), result.state_hash, result.notice_to_durable_ms);
  return 0;
}
