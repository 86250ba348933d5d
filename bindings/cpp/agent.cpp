// Trains on a volume until it is done, interrupted or told to stop. Run it again and it goes on where it was.
//
//     agent VOLUME [KEY=VALUE ...]        e.g.  agent /mnt/data dataset=mnist epochs=3
//
// SIGTERM and SIGINT end it after the step in progress, with a checkpoint. Its last line on stdout is JSON: why it
// ended, at which step, whether that is durable, and the hash of the state. Exit code: 0 done, 75 stopped with a
// durable checkpoint, 76 without, 1 failed.

#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>

#include <spot_trainer.hpp>

using namespace spottrainer;

namespace {

// A file of the library must not get the number of a closed stream: what is printed would land in it.
void open_missing_streams() {
  int lowest_free = -1;
  do {
    lowest_free = open("/dev/null", O_RDWR);
  } while (lowest_free >= 0 && lowest_free <= STDERR_FILENO);
  close(lowest_free);
}

Config configure(int argc, char** argv) {
  if (argc < 2) throw std::invalid_argument("usage: agent VOLUME [KEY=VALUE ...]");
  Config config = Config::create({{"volume", argv[1]}});
  config.set_log(SPOT_LOG_WARNING, [](std::int32_t, std::string_view message) {
    std::fprintf(stderr, "agent: %.*s\n", static_cast<int>(message.size()), message.data());
  });
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos) throw std::invalid_argument("'" + argument + "' is not KEY=VALUE");
    config.set(argument.substr(0, equals), argument.substr(equals + 1));
  }
  return config;
}

void show(const spot_event& event) {
  const auto step = static_cast<unsigned long long>(event.step);
  switch (event.kind) {
    case SPOT_EVENT_STEP:
      if (step % 100 == 0) std::fprintf(stderr, "step %llu: loss %.4f\n", step, event.loss);
      break;
    case SPOT_EVENT_EPOCH_END:
      std::fprintf(stderr, "step %llu: test accuracy %.4f\n", step, event.test_accuracy);
      break;
    case SPOT_EVENT_CHECKPOINT:
      std::fprintf(stderr, "step %llu: checkpoint (%s) %s\n", step, spot_save_reason_name(event.save_reason),
                   event.status == SPOT_OK ? "is durable" : event.message);
      break;
    case SPOT_EVENT_NOTICE:
      std::fprintf(stderr, "step %llu: notice%s of %s: %s\n", step, event.withdrawn == 1 ? " withdrawn" : "",
                   event.source, spot_action_name(event.action));
      break;
    default: break;
  }
}

spot_cancel* signalled = nullptr;

void stop_at_signals() {
  signalled = Cancel::create().release();  // for as long as the process lives
  std::signal(SIGTERM, [](int) { spot_cancel_trigger(signalled); });
  std::signal(SIGINT, [](int) { spot_cancel_trigger(signalled); });
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away ends no run
}

spot_run_result train(const Config& config) {
  const Poller poller = Poller::create(config);
  try {
    const Trainer trainer = Trainer::create(config, signalled);
    trainer.set_callback(SPOT_EVENT_ALL, show);
    return trainer.run(poller, signalled);
  } catch (const Error& error) {
    if (error.status() != SPOT_E_CANCELLED) throw;
    auto before_it_began = sized<spot_run_result>();  // while it fetched the dataset: nothing is lost
    before_it_began.reason = SPOT_RUN_CANCELLED;
    before_it_began.durable = 1;
    return before_it_began;
  }
}

}  // namespace

int main(int argc, char** argv) {
  open_missing_streams();
  try {
    const Config config = configure(argc, argv);
    stop_at_signals();
    const spot_run_result result = train(config);
    std::printf(R"({"reason": "%s", "step": %llu, "durable": %s, "state_hash": "%s"})"
                "\n",
                spot_run_reason_name(result.reason), static_cast<unsigned long long>(result.step),
                result.durable == 1 ? "true" : "false", result.state_hash);
    if (result.reason == SPOT_RUN_DONE) return 0;
    return result.durable == 1 ? 75 : 76;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "agent: %s\n", error.what());
    return 1;
  }
}
