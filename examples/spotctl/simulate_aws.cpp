#include "simulate_aws.h"

#include <map>

namespace spotctl {
namespace {

constexpr double kNextRebalance = 3 * 3600;  // seconds
constexpr std::time_t kMaintenanceIn = 7 * 24 * 3600;

/// What never changes, by path below /latest/. A path that ends in '/' lists what lies below it.
const std::map<std::string, std::string>& fixed_tree() {
  static const std::map<std::string, std::string> kTree = {
      {"meta-data/",
       "ami-id\nautoscaling/\nevents/\niam/\ninstance-action\ninstance-id\ninstance-life-cycle\ninstance-type\n"
       "local-ipv4\nplacement/\nspot/"},
      {"meta-data/ami-id", "ami-0123456789abcdef0"},
      {"meta-data/iam/", "info\nsecurity-credentials/"},
      {"meta-data/iam/security-credentials/", "spot-trainer-rehearsal"},
      {"meta-data/instance-action", "none"},
      {"meta-data/instance-id", "i-0123456789abcdef0"},
      {"meta-data/instance-life-cycle", "spot"},
      {"meta-data/instance-type", "c7i.large"},
      {"meta-data/local-ipv4", "127.0.0.1"},
      {"meta-data/placement/", "availability-zone\nregion"},
      {"meta-data/placement/availability-zone", "eu-central-1a"},
      {"meta-data/placement/region", "eu-central-1"},
  };
  return kTree;
}

}  // namespace

SimulatedAws::SimulatedAws(const Options& options, Emit emit)
    : SimulatedService(options, std::move(emit)),
      options_(options),
      tokens_("x-aws-ec2-metadata-token", options.token_ttl) {}

std::string SimulatedAws::stated_time(const GivenNotice& notice) const {
  const bool is_form = options_.time != "number" && options_.time != "none";
  return time_in_form(notice.at + static_cast<std::time_t>(options_.notice_seconds), is_form ? options_.time : "utc");
}

SimulatedService::Json SimulatedAws::words_of(const GivenNotice& notice) const {
  return {{"action", options_.action}, {"time", stated_time(notice)}};
}

ServerResponse SimulatedAws::action(const GivenNotice& notice) const {
  if (options_.body) return text_response(*options_.body);
  Json body{{"action", options_.action}};
  if (options_.time == "number") {
    body["time"] = 1'795'463'700;
  } else if (options_.time != "none") {
    body["time"] = stated_time(notice);
  }
  return json_response(body);
}

ServerResponse SimulatedAws::rebalance() const {
  if (!has_passed(options_.rebalance_after)) return status_response(404);
  const bool again = has_passed(options_.rebalance_again_after);
  const double since_start = options_.rebalance_after + (again ? kNextRebalance : 0);
  return json_response({{"noticeTime", time_text(started_ + static_cast<std::time_t>(since_start))}});
}

ServerResponse SimulatedAws::maintenance() const {
  if (!has_passed(options_.maintenance_after)) return json_response(Json::array());
  constexpr const char* kForm = "%-d %b %Y %H:%M:%S GMT";
  const bool canceled = has_passed(options_.maintenance_cancel_after);
  return json_response(
      Json::array({{{"NotBefore", time_text(started_ + kMaintenanceIn, kForm)},
                    {"Code", options_.maintenance_code},
                    {"Description", std::string(canceled ? "[Canceled] " : "") + "a rehearsal of maintenance"},
                    {"EventId", "instance-event-0d59937288b749b32"},
                    {"NotAfter", time_text(started_ + kMaintenanceIn + 7200, kForm)},
                    {"State", canceled ? "canceled" : "active"}}}));
}

std::string SimulatedAws::fault_of(const ServerRequest& request, const std::string& fault) const {
  return SimulatedTokens::fault_of(request, options_.token_fault, fault);
}

ServerResponse SimulatedAws::route(const ServerRequest& request) {
  ServerResponse response = [&] {
    if (request.path == SimulatedTokens::kPath) return tokens_.issue(request);
    if (request.method != "GET") return status_response(405);
    if (!tokens_.admits(request, options_.v1)) return status_response(401);
    constexpr std::string_view kRoot = "/latest/";
    if (request.path.starts_with(kRoot)) return metadata(request.path.substr(kRoot.size()));
    return request.path == "/" ? text_response("latest") : status_response(404);
  }();
  response.headers.emplace_back("Server", "EC2ws");
  return response;
}

ServerResponse SimulatedAws::metadata(const std::string& path) {
  if (path == "meta-data/spot/instance-action") {
    const auto notice = standing_notice();
    return notice ? action(*notice) : status_response(404);
  }
  if (path == "meta-data/spot/termination-time") {
    const auto notice = standing_notice();
    const bool is_told = notice && options_.action == "terminate" && !options_.body;
    return is_told ? text_response(stated_time(*notice)) : status_response(404);
  }
  if (path == "meta-data/events/recommendations/rebalance") return rebalance();
  if (path == "meta-data/events/maintenance/scheduled") return maintenance();
  if (path == "meta-data/autoscaling/target-lifecycle-state") return text_response("InService");
  if (path == "meta-data/iam/security-credentials/spot-trainer-rehearsal") {
    return json_response({{"Code", "Success"},
                          {"LastUpdated", time_text(std::time(nullptr))},
                          {"Type", "AWS-HMAC"},
                          {"AccessKeyId", "ASIAREHEARSALONLY000"},
                          {"SecretAccessKey", "rehearsal-only-not-a-secret"},
                          {"Token", "rehearsal-only"},
                          {"Expiration", time_text(std::time(nullptr) + 6 * 3600)}});
  }
  if (path == "dynamic/instance-identity/document") {
    return json_response({{"instanceId", "i-0123456789abcdef0"},
                          {"instanceType", "c7i.large"},
                          {"region", "eu-central-1"},
                          {"availabilityZone", "eu-central-1a"},
                          {"architecture", "x86_64"},
                          {"accountId", "000000000000"}});
  }
  const auto& tree = fixed_tree();
  for (const std::string& candidate : {path, path + "/"}) {
    if (const auto found = tree.find(candidate); found != tree.end()) return text_response(found->second);
  }
  return status_response(404);
}

}  // namespace spotctl
