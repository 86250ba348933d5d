#include <atomic>

#include <nlohmann/json.hpp>

#include "action_name.h"
#include "command.h"
#include "configuration.h"
#include "signals.h"
#include "terminal.h"

namespace spotctl {
namespace {

void print_notice(const spot_notice& notice) {
  const nlohmann::ordered_json line{{"event", "notice"},
                                    {"source", notice.source},
                                    {"action", action_name(notice.action)},
                                    {"deadline_s", notice.seconds_left},
                                    {"seconds_since", notice.seconds_since},
                                    {"stale", notice.stale == 1},
                                    {"detail", notice.detail}};
  print_line(line.dump());
}

int watch(const Configuration& configuration, bool once) {
  std::atomic<spot_poller*> target = nullptr;
  std::atomic<bool> stopped = false;
  const Signals signals([&](int) {
    stopped = true;
    if (spot_poller* poller = target) spot_poller_wakeup(poller);
  });
  const Config config = configuration.build();
  const Poller poller = make<Poller>(spot_poller_create, config.get());
  target = poller.get();
  while (!stopped) {
    auto notice = sized<spot_notice>();
    const spot_status status = spot_poller_wait(poller.get(), -1, &notice, nullptr);
    if (status == SPOT_E_CANCELLED) continue;
    if (status != SPOT_OK) throw Error(status, nullptr);
    print_notice(notice);
    if (once) return kDone;
  }
  return kDone;
}

}  // namespace

Action add_watch(CLI::App& program) {
  auto* command = program.add_subcommand("watch", "Only watch for interruptions: one JSON line for each notice");
  auto once = std::make_shared<bool>(false);
  command->add_flag_function("--json", [](std::int64_t) {}, "JSON lines on stdout, which they are in any case");
  command->add_flag("--once", *once, "Exit 0 at the first notice");
  command->footer("Example: spotctl watch --once --metadata aws && ./save-my-work.sh");
  const Configuration configuration(*command);
  return [configuration, once] { return watch(configuration, *once); };
}

}  // namespace spotctl
