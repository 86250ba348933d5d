#include <condition_variable>
#include <mutex>

#include <nlohmann/json.hpp>

#include "command.h"
#include "exit_code.h"
#include "http_server.h"
#include "json_line.h"
#include "signals.h"
#include "simulate_alibaba.h"
#include "simulate_aws.h"
#include "simulate_azure.h"
#include "simulate_gcp.h"
#include "simulate_tencent.h"
#include "terminal.h"

namespace spotctl {
namespace {

using Json = nlohmann::ordered_json;

struct Address {
  std::string host = "127.0.0.1";
  int port = 0;
};

/// A cloud whose service can be rehearsed.
struct Cloud {
  CLI::App* command;
  std::function<int()> simulate;
};

int simulate(SimulatedService& service, const Address& address) {
  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false, notice = false;
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
  const HttpServer server(address.host, address.port,
                          [&](const ServerRequest& request) { return service.answer(request); });
  print_line(Json{{"event", "listening"}, {"endpoint", "http://" + address.host + ":" + std::to_string(server.port())}}
                 .dump());
  std::unique_lock lock(mutex);
  while (!stop) {
    changed.wait(lock, [&] { return stop || notice; });
    if (notice) service.trigger();
    notice = false;
  }
  service.end();  // before the server, which waits for its answers
  return kDone;
}

/// Adds a cloud's command with the options that every cloud has. The caller sets those of `Service::Options` that are
/// its own.
template <typename Service>
std::shared_ptr<typename Service::Options> add_cloud(CLI::App& program, std::vector<Cloud>& clouds,
                                                     const char* description) {
  auto* command = program.add_subcommand(Service::kName, description);
  auto address = std::make_shared<Address>();
  auto options = std::make_shared<typename Service::Options>();
  command->add_option("--host", address->host, "IPv4 address to listen on")->capture_default_str();
  command->add_option("--port", address->port, "Port; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--notice-after", options->notice_after,
                      "Seconds until the notice; default: only when triggered");
  command->add_option("--withdraw-after", options->withdraw_after, "Seconds from the notice until it is withdrawn");
  command->add_option("--again-after", options->again_after, "Seconds from then until a second notice");
  command->add_option("--fault", options->fault, "Spoil every answer")->check(CLI::IsMember(simulated_faults()));
  command->footer(
      "Prints {\"event\":\"listening\",\"endpoint\":URL} and a JSON line for each request. SIGUSR1, or POST\n"
      "/simulate/notice, gives the notice at once; POST /simulate/withdraw takes it back; POST /simulate/repair ends\n"
      "the faults; SIGTERM and SIGINT end it.\n\n"
      "Example:\n"
      "  spotctl simulate " +
      std::string(Service::kName) +
      " --port 1338 --notice-after 20 &\n"
      "  spotctl train --metadata " +
      Service::kName + " --metadata-endpoint http://127.0.0.1:1338 --poll-seconds 1");
  clouds.push_back({command, [address, options] {
                      // Whoever cannot be told the port and the requests cannot use it.
                      terminal().never_wait();
                      Service service(*options,
                                      [](const Json& event) { print_line(json_line(event), Weight::kRoutine); });
                      return simulate(service, *address);
                    }});
  return options;
}

CLI::IsMember is_fault() {
  return CLI::IsMember(simulated_faults());
}

void add_notice_seconds(CLI::App& command, double& seconds) {
  command.add_option("--notice-seconds", seconds, "Seconds from the notice to the time it states")
      ->check(CLI::Range(-1e9, 1e9))
      ->capture_default_str();
}

void add_tokens(CLI::App& command, SimulateTokenOptions& o, const char* without) {
  command.add_option("--token-ttl", o.token_ttl, "Longest life of a session token, in seconds")
      ->check(CLI::Range(1, 21600))
      ->capture_default_str();
  command.add_flag("--v1", o.v1, without);
  command
      .add_option("--token-fault", o.token_fault,
                  "Spoil the answers to requests for a token; hang: as behind a hop limit of 1")
      ->check(is_fault());
}

void add_aws(CLI::App& program, std::vector<Cloud>& clouds) {
  SimulateAwsOptions& o = *add_cloud<SimulatedAws>(program, clouds, "The EC2 instance metadata service, IMDSv2");
  CLI::App& aws = *clouds.back().command;
  add_notice_seconds(aws, o.notice_seconds);
  aws.add_option("--action", o.action, "Action of the notice: terminate, stop, hibernate, or any text")
      ->capture_default_str();
  aws.add_option("--time", o.time,
                 "How its time is written: utc, offset, lower, space, fraction, number, none, or the text itself")
      ->capture_default_str();
  aws.add_option("--body", o.body, "What spot/instance-action answers instead while the notice lasts");
  aws.add_option("--rebalance-after", o.rebalance_after, "Seconds until a rebalance recommendation");
  aws.add_option("--rebalance-again-after", o.rebalance_again_after,
                 "Seconds until a second one, which states a time three hours later");
  aws.add_option("--maintenance-after", o.maintenance_after, "Seconds until maintenance is scheduled");
  aws.add_option("--maintenance-cancel-after", o.maintenance_cancel_after, "Seconds until that is canceled");
  aws.add_option("--maintenance-code", o.maintenance_code,
                 "What it is: instance-retirement, instance-stop, instance-reboot, system-reboot, or any text")
      ->capture_default_str();
  add_tokens(aws, o, "Also answer requests without a session token (IMDSv1)");
}

void add_gcp(CLI::App& program, std::vector<Cloud>& clouds) {
  SimulateGcpOptions& o = *add_cloud<SimulatedGcp>(program, clouds, "The metadata server of Compute Engine");
  CLI::App& gcp = *clouds.back().command;
  gcp.add_option("--maintenance-after", o.maintenance_after, "Seconds until a maintenance event");
  gcp.add_option("--maintenance-event", o.maintenance_event,
                 "What it is: MIGRATE_ON_HOST_MAINTENANCE, TERMINATE_ON_HOST_MAINTENANCE, or any text")
      ->capture_default_str();
  gcp.add_option("--wait-fault", o.wait_fault, "Spoil the answers to requests that wait for a change")
      ->check(is_fault());
}

void add_azure(CLI::App& program, std::vector<Cloud>& clouds) {
  SimulateAzureOptions& o = *add_cloud<SimulatedAzure>(program, clouds, "The scheduled events of Azure");
  CLI::App& azure = *clouds.back().command;
  add_notice_seconds(azure, o.notice_seconds);
  azure.add_option("--event-type", o.event_type, "Preempt, Terminate, Reboot, Redeploy, Freeze, or any text")
      ->capture_default_str();
  azure.add_flag("--started", o.started, "The event starts without being scheduled, as a failure of the hardware does");
  azure.add_option("--machine", o.machine, "Name of the machine")->capture_default_str();
  azure.add_option("--resource", o.resource, "Name of the machine that the event concerns")->capture_default_str();
  azure.add_option("--first-seconds", o.first_seconds, "Seconds that the first answer about events takes")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
}

void add_alibaba(CLI::App& program, std::vector<Cloud>& clouds) {
  SimulateAlibabaOptions& o =
      *add_cloud<SimulatedAlibaba>(program, clouds, "The instance metadata service of Alibaba Cloud");
  CLI::App& alibaba = *clouds.back().command;
  add_notice_seconds(alibaba, o.notice_seconds);
  alibaba
      .add_option("--time", o.time, "How its time is written: utc, offset, lower, space, fraction, or the text itself")
      ->capture_default_str();
  add_tokens(alibaba, o, "Also answer requests without a session token");
}

void add_tencent(CLI::App& program, std::vector<Cloud>& clouds) {
  SimulateTencentOptions& o =
      *add_cloud<SimulatedTencent>(program, clouds, "The instance metadata service of Tencent Cloud");
  CLI::App& tencent = *clouds.back().command;
  add_notice_seconds(tencent, o.notice_seconds);
  tencent
      .add_option(
          "--time", o.time,
          "How its time is written: utc, plain (without a zone), offset, lower, space, fraction, or the text itself")
      ->capture_default_str();
}

}  // namespace

Action add_simulate(CLI::App& program) {
  auto* simulate = program.add_subcommand("simulate", "A cloud's metadata service for rehearsals on this machine");
  simulate->require_subcommand(1);
  std::vector<Cloud> clouds;
  for (const auto add : {add_aws, add_gcp, add_azure, add_alibaba, add_tencent}) add(*simulate, clouds);
  return [clouds] {
    for (const Cloud& cloud : clouds) {
      if (cloud.command->parsed()) return cloud.simulate();
    }
    return kUsage;
  };
}

}  // namespace spotctl
