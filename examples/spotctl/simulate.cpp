#include <condition_variable>
#include <mutex>

#include <nlohmann/json.hpp>

#include "command.h"
#include "exit_code.h"
#include "http_server.h"
#include "json_line.h"
#include "signals.h"
#include "simulate_aws.h"
#include "terminal.h"

namespace spotctl {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  SimulateAwsOptions aws;
  std::string host = "127.0.0.1";
  int port = 0;
};

int simulate_aws(const Options& options) {
  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false, notice = false;
  // Whoever cannot be told the port and the requests cannot use it.
  terminal().never_wait();
  const Signals signals([&](int signal) {
    const std::lock_guard lock(mutex);
    (signal == SIGUSR1 ? notice : stop) = true;
    changed.notify_all();
  });
  const StdoutFailure no_reader([&] {
    const std::lock_guard lock(mutex);
    stop = true;
    changed.notify_all();
  });
  SimulatedAws aws(options.aws, [](const Json& event) { print_line(json_line(event), Weight::kRoutine); });
  const HttpServer server(options.host, options.port,
                          [&](const ServerRequest& request) { return aws.answer(request); });
  print_line(Json{{"event", "listening"}, {"endpoint", "http://" + options.host + ":" + std::to_string(server.port())}}
                 .dump());
  std::unique_lock lock(mutex);
  while (!stop) {
    changed.wait(lock, [&] { return stop || notice; });
    if (notice) aws.trigger();
    notice = false;
  }
  return kDone;
}

}  // namespace

Action add_simulate(CLI::App& program) {
  auto* simulate = program.add_subcommand("simulate", "A metadata service for rehearsals on this machine");
  simulate->require_subcommand(1);
  auto* aws = simulate->add_subcommand("aws", "The EC2 instance metadata service, IMDSv2");
  auto options = std::make_shared<Options>();
  SimulateAwsOptions& o = options->aws;
  aws->add_option("--host", options->host, "IPv4 address to listen on")->capture_default_str();
  aws->add_option("--port", options->port, "Port; 0: any free one")->check(CLI::Range(0, 65535))->capture_default_str();
  aws->add_option("--notice-after", o.notice_after, "Seconds until the spot notice; default: only when triggered");
  aws->add_option("--notice-seconds", o.notice_seconds, "Seconds from the notice to the time it states")
      ->check(CLI::Range(-1e9, 1e9))
      ->capture_default_str();
  aws->add_option("--action", o.action, "Action of the notice: terminate, stop, hibernate, or any text")
      ->capture_default_str();
  aws->add_option("--time", o.time,
                  "How its time is written: utc, offset, lower, space, fraction, number, none, or the text itself")
      ->capture_default_str();
  aws->add_option("--body", o.body, "What spot/instance-action answers instead while the notice lasts");
  aws->add_option("--withdraw-after", o.withdraw_after, "Seconds from the notice until it is withdrawn");
  aws->add_option("--again-after", o.again_after, "Seconds from then until a second notice");
  aws->add_option("--rebalance-after", o.rebalance_after, "Seconds until a rebalance recommendation");
  aws->add_option("--rebalance-again-after", o.rebalance_again_after,
                  "Seconds until a second one, which states a time three hours later");
  aws->add_option("--token-ttl", o.token_ttl, "Longest life of a session token, in seconds")
      ->check(CLI::Range(1, 21600))
      ->capture_default_str();
  aws->add_flag("--v1", o.v1, "Also answer requests without a session token (IMDSv1)");
  const CLI::IsMember fault(std::vector<std::string>(kAwsFaults, kAwsFaults + kAwsFaultCount));
  aws->add_option("--fault", o.fault, "Spoil every answer")->check(fault);
  aws->add_option("--token-fault", o.token_fault,
                  "Spoil the answers to requests for a token; hang: as behind a hop limit of 1")
      ->check(fault);
  aws->footer(
      "Prints {\"event\":\"listening\",\"endpoint\":URL} and a JSON line for each request. SIGUSR1, or\n"
      "POST /simulate/notice, gives the spot notice at once; POST /simulate/withdraw takes it back; SIGTERM and "
      "SIGINT\n"
      "end it.\n\n"
      "Example:\n"
      "  spotctl simulate aws --port 1338 --notice-after 20 &\n"
      "  spotctl train --metadata aws --metadata-endpoint http://127.0.0.1:1338 --poll-seconds 1");
  return [options] { return simulate_aws(*options); };
}

}  // namespace spotctl
