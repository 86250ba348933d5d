#include "interrupt/aws.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include "base/clock.h"
#include "base/json.h"
#include "base/lower_case.h"
#include "base/status.h"
#include "base/text.h"
#include "interrupt/rfc3339.h"
#include "net/http.h"
#include "net/url.h"

namespace spot {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kSpotNotice{120};
constexpr int kTokenSeconds = 21600;  // the longest that the service grants
/// The answer to a token's request comes within milliseconds or, from a container behind one hop more, never.
constexpr milliseconds kTokenTimeout{1000};
constexpr milliseconds kTimeout{2000};
/// How long requests go without a token where none was to be had, before one is asked for again.
constexpr std::int64_t kWithoutTokenNs = 300'000'000'000;

constexpr std::string_view kSpotGroup = "spot", kRebalanceGroup = "rebalance", kScalingGroup = "autoscaling";

constexpr const char* kHopLimitCure =
    "the metadata service takes the request for a session token but its answer does not arrive, as in a container "
    "behind a hop limit of 1: run 'aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2 "
    "--instance-id ID', use the host's network, or set metadata_v1=true";
constexpr const char* kDisabledCure =
    "the metadata service is disabled for this instance (HTTP status 403): run 'aws ec2 "
    "modify-instance-metadata-options --http-endpoint enabled --instance-id ID', or set metadata=none";
constexpr const char* kTokenRequired =
    "the metadata service requires a session token (HTTP status 401) but gives none: in a container, run 'aws ec2 "
    "modify-instance-metadata-options --http-put-response-hop-limit 2 --instance-id ID'";

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : trim(value);
}

std::optional<std::int64_t> nanoseconds_of(std::optional<std::int64_t> time_s) {
  if (!time_s || *time_s > std::numeric_limits<std::int64_t>::max() / 1'000'000'000) return std::nullopt;
  return *time_s * 1'000'000'000;
}

/// The JSON object that a body is. Only ASCII is of interest in it, so a text in another encoding does no harm.
std::optional<JsonValue> object_in(std::string_view body) {
  std::string ascii(body);
  std::ranges::replace_if(
      ascii, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  auto json = JsonValue::parse(ascii);
  if (json && !json->is_object()) json.reset();
  return json;
}

/// What a field of a JSON object says, fit to be shown; empty unless it is a text.
std::string text_field(const JsonValue& object, std::string_view name) {
  const JsonValue* field = object.find(name);
  return field == nullptr || !field->is_text() ? std::string() : std::string(trim(field->text()));
}

NoticeAction action_of(const std::string& name) {
  const std::string known = lower_case(name);
  if (known == "stop") return NoticeAction::kStop;
  if (known == "hibernate") return NoticeAction::kHibernate;
  return NoticeAction::kTerminate;  // also for an action that was not known when this was written
}

std::optional<Sighting> parse_lifecycle(std::string_view body) {
  if (trim(body) != "Terminated") return std::nullopt;
  return Sighting{
      .source = "aws-autoscaling", .group = kScalingGroup, .detail = std::string(trim(body)), .notice = kSpotNotice};
}

/// A question to the service, and how its answer is read.
struct Question {
  const char* path;
  std::string_view group;
  std::optional<Sighting> (*parse)(std::string_view body);
  bool malformed_is_none;  ///< the guide allows other texts there
  bool ends_group;
};

constexpr Question kQuestions[] = {
    {"/latest/meta-data/spot/instance-action", kSpotGroup, parse_instance_action, false, false},
    {"/latest/meta-data/spot/termination-time", kSpotGroup, parse_termination_time, true, true},
    {"/latest/meta-data/events/recommendations/rebalance", kRebalanceGroup, parse_rebalance, false, true},
    {"/latest/meta-data/autoscaling/target-lifecycle-state", kScalingGroup, parse_lifecycle, true, true},
};

class AwsSource final : public Source {
 public:
  AwsSource(std::string endpoint, bool allow_v1) : endpoint_(std::move(endpoint)), allow_v1_(allow_v1) {}

  Observation look() override;
  std::string probe() override;
  void cancel() override { client_.cancel(); }
  [[nodiscard]] std::string_view name() const override { return kAws.name; }

 private:
  /// An answer of the service: its body, or that there is nothing there, or why neither is known.
  struct Answer {
    std::optional<std::string> body{};
    std::optional<std::int64_t> now_ns{};  ///< by the service's clock
    std::string unknown{};
    bool unreachable = false;  ///< another question would fare no better now
  };

  Answer get(const char* path);
  HttpResponse request(const std::string& method, const std::string& path, milliseconds timeout = kTimeout);
  /// Empty when there is a usable token, or requests may go without one.
  std::string renew_token();

  std::string endpoint_;
  bool allow_v1_;
  HttpClient client_;
  std::string token_;
  std::int64_t renew_token_at_ns_ = 0;
};

HttpResponse AwsSource::request(const std::string& method, const std::string& path, milliseconds timeout) {
  HttpRequest request;
  request.timeout = timeout;
  request.method = method;
  request.url = endpoint_ + path;
  if (method == "PUT") {
    request.headers.emplace_back("X-aws-ec2-metadata-token-ttl-seconds", cat(kTokenSeconds));
  } else if (!token_.empty()) {
    request.headers.emplace_back("X-aws-ec2-metadata-token", token_);
  }
  return client_.perform(request);
}

std::string AwsSource::renew_token() {
  token_.clear();
  const HttpResponse response = request("PUT", "/latest/api/token", kTokenTimeout);
  const bool unanswered = response.sent && response.status == 0 && !response.cancelled;
  const bool refused = response.status >= 400 && response.status < 500 && response.status != 429;
  if (allow_v1_ && (unanswered || refused)) {
    renew_token_at_ns_ = system_clock().monotonic_ns() + kWithoutTokenNs;
    return {};
  }
  if (unanswered && response.timed_out) return cat("no session token: ", kHopLimitCure);
  if (!response.complete()) {
    return cat("no session token from ", without_credentials(endpoint_), ": ", response.error);
  }
  if (response.status == 403) return cat("no session token: ", kDisabledCure);
  const std::string_view token = trim(response.body);
  if (response.status != 200 || token.empty() || token.find_first_of(" <\r\n") != std::string_view::npos) {
    return cat("no session token: the metadata service answered HTTP status ", response.status);
  }
  token_ = token;
  // The service tells how long it grants; well before that is over a new one is asked for.
  const auto granted = parse_number<std::int64_t>(response.header("x-aws-ec2-metadata-token-ttl-seconds"));
  const std::int64_t lifetime = std::clamp<std::int64_t>(granted.value_or(kTokenSeconds), 1, kTokenSeconds);
  renew_token_at_ns_ = system_clock().monotonic_ns() + lifetime * 900'000'000;
  return {};
}

AwsSource::Answer AwsSource::get(const char* path) {
  for (int attempt = 0;; ++attempt) {
    if (system_clock().monotonic_ns() >= renew_token_at_ns_) {
      renew_token_at_ns_ = 0;
      std::string failure = renew_token();
      if (!failure.empty()) return {.unknown = std::move(failure), .unreachable = true};
    }
    HttpResponse response = request("GET", path);
    if (!response.complete()) {
      return {.unknown = cat(without_credentials(endpoint_), path, ": ", response.error), .unreachable = true};
    }
    if (response.status == 200) return {.body = std::move(response.body), .now_ns = nanoseconds_of(response.date())};
    if (response.status == 404) return {};
    if (response.status == 401) {
      // It has forgotten the token, or wants one where none was to be had: one is asked for at once, or with the next
      // question.
      renew_token_at_ns_ = 0;
      if (attempt == 0) continue;
    }
    if (response.status == 401 && token_.empty()) return {.unknown = kTokenRequired, .unreachable = true};
    if (response.status == 403) return {.unknown = kDisabledCure, .unreachable = true};
    return {.unknown = cat("the metadata service answered HTTP status ", response.status, " to ", path)};
  }
}

Observation AwsSource::look() {
  Observation observation;
  bool group_is_clear = true;
  for (const Question& question : kQuestions) {
    const Answer answer = get(question.path);
    auto sighting = answer.body ? question.parse(*answer.body) : std::nullopt;
    if (!answer.unknown.empty()) {
      observation.unknown = answer.unknown;
      group_is_clear = false;
    } else if (answer.body && !sighting && !question.malformed_is_none) {
      observation.unknown = cat("the metadata service answered something unreadable to ", question.path, ": '",
                                printable(*answer.body), "'");
      group_is_clear = false;
    }
    const bool ends = sighting && sighting->action != NoticeAction::kRebalance;
    if (sighting) {
      sighting->now_ns = answer.now_ns;
      observation.sightings.push_back(std::move(*sighting));
    }
    if ((ends || question.ends_group) && group_is_clear) observation.clear.push_back(question.group);
    if (question.ends_group) group_is_clear = true;
    // Nothing else is worth a request now.
    if (ends || answer.unreachable) break;
  }
  return observation;
}

std::string AwsSource::probe() {
  std::string failure = renew_token();
  if (!failure.empty() || !token_.empty()) return failure;
  // It was asked without a token: other services at this address know nothing of this path.
  const HttpResponse response = request("GET", "/latest/meta-data/", kTokenTimeout);
  if (!response.complete()) return response.error;
  if (response.status == 200 || response.status == 401) return {};
  return cat("the metadata service answered HTTP status ", response.status);
}

std::string own_endpoint() {
  const std::string_view asked = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
  const std::string mode = lower_case(asked);
  if (mode == "ipv6") return "http://[fd00:ec2::254]";
  if (mode.empty() || mode == "ipv4") return "http://169.254.169.254";
  fail(Status::kConfig, cat("environment variable AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is '", printable(asked),
                            "': it takes IPv4 or IPv6"));
}

std::string checked_endpoint(std::string endpoint, std::string_view named_by) {
  if (const std::string fault = fault_of_http_base(endpoint); !fault.empty()) {
    fail(Status::kConfig, cat(named_by, ": '", printable(without_credentials(endpoint)), "' ", fault));
  }
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return endpoint;
}

std::string endpoint_of(const PollerOptions& options) {
  if (!options.endpoint.empty()) return checked_endpoint(options.endpoint, "configuration key 'metadata_endpoint'");
  const std::string_view asked = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (asked.empty()) return own_endpoint();
  return checked_endpoint(std::string(asked), "environment variable AWS_EC2_METADATA_SERVICE_ENDPOINT");
}

bool made_by_amazon(const DmiText& dmi) {
  for (const char* name : {"sys_vendor", "bios_vendor", "chassis_vendor"}) {
    if (dmi(name) == "Amazon EC2") return true;
  }
  // Machines under Xen say it nowhere else.
  return dmi("bios_version").find("amazon") != std::string::npos || lower_case(dmi("product_uuid")).starts_with("ec2");
}

std::string forbidden_by_environment() {
  return lower_case(variable("AWS_EC2_METADATA_DISABLED")) == "true" ? "AWS_EC2_METADATA_DISABLED is true" : "";
}

std::unique_ptr<Source> make_aws(const PollerOptions& options) {
  return std::make_unique<AwsSource>(endpoint_of(options), options.metadata_v1);
}

}  // namespace

const Provider kAws = {.name = "aws", .made = made_by_amazon, .forbidden = forbidden_by_environment, .make = make_aws};

std::optional<Sighting> parse_instance_action(std::string_view body) {
  const auto json = object_in(body);
  if (!json) return std::nullopt;
  const std::string action = text_field(*json, "action"), time = text_field(*json, "time");
  if (action.empty()) return std::nullopt;
  const NoticeAction parsed = action_of(action);
  return Sighting{.source = "aws-spot-action",
                  .group = kSpotGroup,
                  .action = parsed,
                  .detail = cat(printable(action), time.empty() ? "" : cat(" at ", printable(time))),
                  .stated_ns = parse_rfc3339(time),
                  // A machine that hibernates begins at once.
                  .notice = parsed == NoticeAction::kHibernate ? seconds(0) : kSpotNotice};
}

std::optional<Sighting> parse_termination_time(std::string_view body) {
  const auto stated = parse_rfc3339(trim(body));
  if (!stated) return std::nullopt;
  return Sighting{.source = "aws-termination-time",
                  .group = kSpotGroup,
                  .action = NoticeAction::kTerminate,
                  .detail = cat("terminate at ", trim(body)),
                  .stated_ns = stated,
                  .notice = kSpotNotice};
}

std::optional<Sighting> parse_rebalance(std::string_view body) {
  const auto json = object_in(body);
  if (!json || json->find("noticeTime") == nullptr) return std::nullopt;
  const std::string time = text_field(*json, "noticeTime");
  // The time is that of the recommendation, not of an end.
  return Sighting{.source = "aws-rebalance",
                  .group = kRebalanceGroup,
                  .action = NoticeAction::kRebalance,
                  .detail = cat("rebalance recommended", time.empty() ? "" : cat(" at ", printable(time))),
                  .stated_ns = parse_rfc3339(time),
                  .notice = std::nullopt};
}

}  // namespace spot
