#include "interrupt/aws.h"

#include <utility>

#include "base/lower_case.h"
#include "base/status.h"
#include "base/text.h"
#include "interrupt/metadata_json.h"
#include "interrupt/rfc3339.h"
#include "interrupt/token_client.h"

namespace spot {
namespace {

using std::chrono::seconds;

constexpr seconds kSpotNotice{120};

constexpr std::string_view kSpotGroup = "spot", kRebalanceGroup = "rebalance", kMaintenanceGroup = "maintenance",
                           kScalingGroup = "autoscaling";

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

constexpr TokenDialect kTokens = {.header = "X-aws-ec2-metadata-token",
                                  .unanswered = kHopLimitCure,
                                  .disabled = kDisabledCure,
                                  .required = kTokenRequired};

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

/// What a body tells of; nothing: it cannot be read.
using Reading = std::optional<std::vector<Sighting>>;

template <std::optional<Sighting> (*parse)(std::string_view)>
Reading one(std::string_view body) {
  auto sighting = parse(body);
  if (!sighting) return std::nullopt;
  return std::vector{std::move(*sighting)};
}

/// A question to the service, and how its answer is read.
struct Question {
  const char* path;
  std::string_view group;
  Reading (*parse)(std::string_view body);
  bool malformed_is_none;  ///< the guide allows other texts there
  bool ends_group;
};

constexpr Question kQuestions[] = {
    {"/latest/meta-data/spot/instance-action", kSpotGroup, one<parse_instance_action>, false, false},
    {"/latest/meta-data/spot/termination-time", kSpotGroup, one<parse_termination_time>, true, true},
    {"/latest/meta-data/events/recommendations/rebalance", kRebalanceGroup, one<parse_rebalance>, false, true},
    {"/latest/meta-data/autoscaling/target-lifecycle-state", kScalingGroup, one<parse_lifecycle>, true, true},
    {"/latest/meta-data/events/maintenance/scheduled", kMaintenanceGroup, parse_maintenance, false, true},
};

class AwsSource final : public Source {
 public:
  AwsSource(std::string endpoint, bool allow_v1) : client_(std::move(endpoint), kTokens, allow_v1) {}

  Observation look() override;
  std::string probe() override { return client_.probe("/latest/meta-data/ami-id"); }
  void cancel() override { client_.cancel(); }
  [[nodiscard]] std::string_view name() const override { return kAws.name; }

 private:
  TokenClient client_;
};

Observation AwsSource::look() {
  Observation observation;
  bool group_is_clear = true;
  for (const Question& question : kQuestions) {
    const MetadataAnswer answer = client_.ask(question.path);
    auto sightings = answer.body ? question.parse(*answer.body) : std::nullopt;
    if (!answer.unknown.empty()) {
      observation.unknown = answer.unknown;
      group_is_clear = false;
    } else if (answer.body && !sightings && !question.malformed_is_none) {
      observation.unknown = unreadable(question.path, *answer.body);
      group_is_clear = false;
    }
    bool ends = false;
    for (Sighting& sighting : sightings.value_or(std::vector<Sighting>())) {
      ends = ends || sighting.action != NoticeAction::kRebalance;
      sighting.now_ns = answer.now_ns;
      observation.sightings.push_back(std::move(sighting));
    }
    if ((ends || question.ends_group) && group_is_clear) observation.clear.push_back(question.group);
    if (question.ends_group) group_is_clear = true;
    // Nothing else is worth a request now.
    if (ends || answer.unreachable) break;
  }
  return observation;
}

std::string own_endpoint() {
  const std::string_view asked = environment_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
  const std::string mode = lower_case(asked);
  if (mode == "ipv6") return "http://[fd00:ec2::254]";
  if (mode.empty() || mode == "ipv4") return "http://169.254.169.254";
  fail(Status::kConfig, cat("environment variable AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is '", printable(asked),
                            "': it takes IPv4 or IPv6"));
}

bool made_by_amazon(const DmiText& dmi) {
  for (const char* name : {"sys_vendor", "bios_vendor", "chassis_vendor"}) {
    if (dmi(name) == "Amazon EC2") return true;
  }
  // Machines under Xen say it nowhere else.
  return dmi("bios_version").find("amazon") != std::string::npos || lower_case(dmi("product_uuid")).starts_with("ec2");
}

std::string forbidden_by_environment() {
  return lower_case(environment_variable("AWS_EC2_METADATA_DISABLED")) == "true" ? "AWS_EC2_METADATA_DISABLED is true"
                                                                                 : "";
}

std::unique_ptr<Source> make_aws(const PollerOptions& options) {
  constexpr const char* kVariable = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
  const std::string given(environment_variable(kVariable));
  // The mode counts, and is checked, only where it is asked for.
  const std::string own = options.endpoint.empty() && given.empty() ? own_endpoint() : std::string();
  return std::make_unique<AwsSource>(endpoint_of(options, given, kVariable, own), options.metadata_v1);
}

}  // namespace

const Provider kAws = {.name = "aws", .made = made_by_amazon, .forbidden = forbidden_by_environment, .make = make_aws};

std::optional<Sighting> parse_instance_action(std::string_view body) {
  const auto json = json_in(body);
  if (!json || !json->is_object()) return std::nullopt;
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
  const auto json = json_in(body);
  if (!json || !json->is_object() || json->find("noticeTime") == nullptr) return std::nullopt;
  const std::string time = text_field(*json, "noticeTime");
  // The time is that of the recommendation, not of an end.
  return Sighting{.source = "aws-rebalance",
                  .group = kRebalanceGroup,
                  .action = NoticeAction::kRebalance,
                  .detail = cat("rebalance recommended", time.empty() ? "" : cat(" at ", printable(time))),
                  .stated_ns = parse_rfc3339(time),
                  .notice = std::nullopt};
}

std::optional<std::vector<Sighting>> parse_maintenance(std::string_view body) {
  const auto json = json_in(body);
  if (!json || !json->is_array()) return std::nullopt;
  std::vector<Sighting> sightings;
  for (const JsonValue& event : json->elements()) {
    const std::string code = text_field(event, "Code"), state = lower_case(text_field(event, "State"));
    if (code.empty() || state.empty()) return std::nullopt;
    if (state == "completed" || state == "canceled") continue;
    const std::string time = text_field(event, "NotBefore");
    sightings.push_back({.source = "aws-maintenance",
                         .group = kMaintenanceGroup,
                         .event_id = text_field(event, "EventId"),
                         .action = NoticeAction::kRebalance,
                         .detail = cat(printable(code), time.empty() ? "" : cat(" not before ", printable(time))),
                         .stated_ns = nanoseconds_of(parse_http_date(time)),
                         // Days ahead, as a rule: there is time to train on.
                         .notice = std::nullopt});
  }
  return sightings;
}

}  // namespace spot
