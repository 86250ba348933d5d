#include <cmath>
#include <string>

#include <nlohmann/json.hpp>

#include "command.h"
#include "configuration.h"
#include "json_line.h"
#include "signals.h"
#include "terminal.h"

namespace spotctl {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  bool once = false;
  bool json = false;
  std::string until;
};

void print_notice(const spot_notice& notice) {
  const Json line{{"event", "notice"},
                  {"source", notice.source},
                  {"action", spot_action_name(notice.action)},
                  {"deadline_s", std::isnan(notice.seconds_left) ? Json(nullptr) : Json(notice.seconds_left)},
                  {"seconds_since", notice.seconds_since},
                  {"id", notice.id},
                  {"ends_run", notice.ends_run == 1},
                  {"stale", notice.stale == 1},
                  {"withdrawn", notice.withdrawn == 1},
                  {"detail", notice.detail}};
  print_line(json_line(line));
}

int watch(const Configuration& configuration, const Options& options) {
  terminal().never_wait();
  const Cancel cancel = make<Cancel>(spot_cancel_create);
  const auto stop = [&] { spot_cancel_trigger(cancel.get()); };
  const Signals signals([&](int) { stop(); });
  const StdoutFailure no_reader(stop);  // there is nothing else to do
  const Config config = configuration.build();
  const Poller poller = make<Poller>(spot_poller_create, config.get());
  const bool waits_for_one = options.once || !options.until.empty();
  for (std::uint64_t position = 0;;) {
    auto notice = sized<spot_notice>();
    const spot_status status = spot_poller_wait(poller.get(), &position, -1, cancel.get(), &notice, nullptr);
    if (status == SPOT_E_CANCELLED) return waits_for_one ? kInterrupted : kDone;  // no success that was not seen
    if (status != SPOT_OK) throw Error(status, nullptr);
    print_notice(notice);
    if (options.until == "interruption" ? notice.ends_run == 1 : waits_for_one) return kDone;
  }
}

}  // namespace

Action add_watch(CLI::App& program) {
  auto* command = program.add_subcommand("watch", "Only watch for interruptions: one JSON line for each notice");
  auto options = std::make_shared<Options>();
  command->add_flag("--once", options->once, "Exit 0 at the first notice");
  command
      ->add_option(
          "--until", options->until,
          "Exit 0 at the first that ends a run (interruption: no recommendation, nothing left over), or at any")
      ->check(CLI::IsMember({"any", "interruption"}));
  command->add_flag("--json", options->json, "JSON lines, which is what is printed anyway");
  command->footer("Example: spotctl watch --until interruption --metadata aws && ./save-my-work.sh");
  const Configuration configuration(*command);
  return [configuration, options] { return watch(configuration, *options); };
}

}  // namespace spotctl
