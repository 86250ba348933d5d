#include "simulate_aws.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace spotctl {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kNextRebalance = 3 * 3600;  // seconds

std::string time_text(double seconds_from_now, const char* form = "%Y-%m-%dT%H:%M:%SZ") {
  const std::time_t time = std::time(nullptr) + static_cast<std::time_t>(seconds_from_now);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[64];
  std::strftime(text, sizeof text, form, &parts);
  return text;
}

/// The time in one of the forms of SimulateAwsOptions::time, but for number and none.
std::string time_text(double seconds_from_now, const std::string& form) {
  if (form == "utc" || form == "number" || form == "none") return time_text(seconds_from_now);
  if (form == "offset") return time_text(seconds_from_now - 5.5 * 3600, "%Y-%m-%dT%H:%M:%S-05:30");
  if (form == "lower") return time_text(seconds_from_now, "%Y-%m-%dt%H:%M:%Sz");
  if (form == "space") return time_text(seconds_from_now, "%Y-%m-%d %H:%M:%SZ");
  if (form == "fraction") return time_text(seconds_from_now, "%Y-%m-%dT%H:%M:%S.123456789012Z");
  return form;
}

ServerResponse text(std::string body) {
  ServerResponse response;
  response.body = std::move(body);
  return response;
}

ServerResponse json(const Json& body) {
  ServerResponse response = text(body.dump(-1, ' ', false, Json::error_handler_t::replace));
  response.content_type = "application/json";
  return response;
}

ServerResponse status(int code) {
  ServerResponse response;
  response.status = code;
  response.body = "status " + std::to_string(code);
  return response;
}

void spoil(ServerResponse& response, const std::string& fault) {
  using Manner = ServerResponse::Manner;
  static const std::map<std::string, Manner> kManners = {
      {"hang", Manner::kSilence}, {"slow", Manner::kSlow}, {"endless", Manner::kEndless}, {"reset", Manner::kReset}};
  if (fault.empty()) return;
  if (const auto manner = kManners.find(fault); manner != kManners.end()) {
    response.manner = manner->second;
  } else if (fault == "html") {
    response = text("<html><body>Sign in to the network</body></html>");
    response.content_type = "text/html";
  } else if (fault == "garbage") {
    response = text("{\"action\": \"termin");
  } else if (fault == "redirect") {
    response = status(302);
    response.headers.emplace_back("Location", "http://127.0.0.1:1/latest/meta-data/");
  } else {
    response = status(std::stoi(fault));
  }
}

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

const char* const kAwsFaults[] = {"401",     "403",  "404",  "429",     "500",   "503",     "html",
                                  "garbage", "hang", "slow", "endless", "reset", "redirect"};
const int kAwsFaultCount = static_cast<int>(std::size(kAwsFaults));

SimulatedAws::SimulatedAws(SimulateAwsOptions options, Emit emit)
    : options_(std::move(options)), emit_(std::move(emit)) {}

void SimulatedAws::give_notice() {
  if (noticed_) return;
  noticed_ = true;
  ++notices_;
  changed_ = Clock::now();
  stated_time_ = time_text(options_.notice_seconds, options_.time);
  emit_({{"event", "notice"}, {"action", options_.action}, {"time", stated_time_}});
}

void SimulatedAws::take_back() {
  if (!noticed_) return;
  noticed_ = false;
  changed_ = Clock::now();
  emit_({{"event", "withdrawal"}, {"action", options_.action}});
}

void SimulatedAws::trigger() {
  const std::lock_guard lock(mutex_);
  give_notice();
}

void SimulatedAws::withdraw() {
  const std::lock_guard lock(mutex_);
  take_back();
}

std::optional<std::string> SimulatedAws::standing_notice() {
  const std::lock_guard lock(mutex_);
  const auto passed = [](Clock::time_point since, double seconds) {
    return seconds >= 0 && std::chrono::duration<double>(Clock::now() - since).count() >= seconds;
  };
  if (notices_ == 0 && passed(started_, options_.notice_after)) give_notice();
  if (noticed_ && passed(changed_, options_.withdraw_after)) take_back();
  if (notices_ == 1 && !noticed_ && passed(changed_, options_.again_after)) give_notice();
  return noticed_ ? std::optional(stated_time_) : std::nullopt;
}

ServerResponse SimulatedAws::action(const std::string& time) const {
  if (options_.body) return text(*options_.body);
  Json body{{"action", options_.action}};
  if (options_.time == "number") {
    body["time"] = 1'795'463'700;
  } else if (options_.time != "none") {
    body["time"] = time;
  }
  return json(body);
}

ServerResponse SimulatedAws::rebalance() const {
  const double elapsed = std::chrono::duration<double>(Clock::now() - started_).count();
  if (options_.rebalance_after < 0 || elapsed < options_.rebalance_after) return status(404);
  const bool again = options_.rebalance_again_after >= 0 && elapsed >= options_.rebalance_again_after;
  return json({{"noticeTime", time_text(options_.rebalance_after - elapsed + (again ? kNextRebalance : 0))}});
}

ServerResponse SimulatedAws::answer(const ServerRequest& request) {
  ServerResponse response = route(request);
  const bool token = request.path == "/latest/api/token";
  // A token is given out under garbage too: what is spoilt then is what it is used for.
  const bool spare = token && (options_.fault == "garbage" || options_.fault == "404");
  if (!spare) spoil(response, options_.fault);
  if (token) spoil(response, options_.token_fault);
  emit_({{"event", "request"},
         {"method", request.method},
         {"path", request.path},
         {"status", response.manner == ServerResponse::Manner::kNormal ? Json(response.status) : Json(nullptr)}});
  return response;
}

ServerResponse SimulatedAws::route(const ServerRequest& request) {
  if (request.method == "POST" && request.path == "/simulate/notice") {
    trigger();
    return text("ok");
  }
  if (request.method == "POST" && request.path == "/simulate/withdraw") {
    withdraw();
    return text("ok");
  }
  if (request.path == "/latest/api/token") return issue_token(request);
  if (request.method != "GET") return status(405);
  if (!token_is_valid(request)) return status(401);
  constexpr std::string_view kRoot = "/latest/";
  if (!request.path.starts_with(kRoot)) return request.path == "/" ? text("latest") : status(404);
  return metadata(request.path.substr(kRoot.size()));
}

ServerResponse SimulatedAws::issue_token(const ServerRequest& request) {
  if (request.method != "PUT") return status(405);
  const auto header = request.headers.find("x-aws-ec2-metadata-token-ttl-seconds");
  const int asked = header == request.headers.end() ? 0 : std::atoi(header->second.c_str());
  if (asked < 1 || asked > 21600) return status(400);
  if (request.headers.contains("x-forwarded-for")) return status(403);
  const int granted = std::min(asked, options_.token_ttl);
  const std::lock_guard lock(mutex_);
  char token[64];
  std::snprintf(token, sizeof token, "AQAEA%016llx%016llx==", static_cast<unsigned long long>(random_()),
                static_cast<unsigned long long>(random_()));
  tokens_[token] = Clock::now() + std::chrono::seconds(granted);
  ServerResponse response = text(token);
  response.headers.emplace_back("X-aws-ec2-metadata-token-ttl-seconds", std::to_string(granted));
  return response;
}

bool SimulatedAws::token_is_valid(const ServerRequest& request) {
  const auto header = request.headers.find("x-aws-ec2-metadata-token");
  if (header == request.headers.end()) return options_.v1;
  const std::lock_guard lock(mutex_);
  const auto token = tokens_.find(header->second);
  return token != tokens_.end() && Clock::now() < token->second;
}

ServerResponse SimulatedAws::metadata(const std::string& path) {
  if (path == "meta-data/spot/instance-action") {
    const auto time = standing_notice();
    return time ? action(*time) : status(404);
  }
  if (path == "meta-data/spot/termination-time") {
    const auto time = standing_notice();
    return time && options_.action == "terminate" && !options_.body ? text(*time) : status(404);
  }
  if (path == "meta-data/events/recommendations/rebalance") return rebalance();
  if (path == "meta-data/autoscaling/target-lifecycle-state") return text("InService");
  if (path == "meta-data/iam/security-credentials/spot-trainer-rehearsal") {
    return json({{"Code", "Success"},
                 {"LastUpdated", time_text(0)},
                 {"Type", "AWS-HMAC"},
                 {"AccessKeyId", "ASIAREHEARSALONLY000"},
                 {"SecretAccessKey", "rehearsal-only-not-a-secret"},
                 {"Token", "rehearsal-only"},
                 {"Expiration", time_text(6 * 3600)}});
  }
  if (path == "dynamic/instance-identity/document") {
    return json({{"instanceId", "i-0123456789abcdef0"},
                 {"instanceType", "c7i.large"},
                 {"region", "eu-central-1"},
                 {"availabilityZone", "eu-central-1a"},
                 {"architecture", "x86_64"},
                 {"accountId", "000000000000"}});
  }
  const auto& tree = fixed_tree();
  for (const std::string& candidate : {path, path + "/"}) {
    if (const auto found = tree.find(candidate); found != tree.end()) return text(found->second);
  }
  return status(404);
}

}  // namespace spotctl
