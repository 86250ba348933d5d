#include "interrupt/gcp.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"
#include "interrupt/metadata_client.h"

namespace spot {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr seconds kMaintenanceNotice{60};
/// The longest that one question waits for a preemption. Between two of them the other question is asked.
constexpr seconds kLongestWait{60};
constexpr milliseconds kTimeout{2000};

constexpr std::string_view kPreemptedGroup = "preempted", kMaintenanceGroup = "maintenance-event";
constexpr const char* kPreempted = "/computeMetadata/v1/instance/preempted";
constexpr const char* kMaintenanceEvent = "/computeMetadata/v1/instance/maintenance-event";
constexpr const char* kHostVariable = "GCE_METADATA_HOST";

/// The tag, if it can stand in a URL as it is; the server's own can.
std::string plain_etag(const std::string& etag) {
  constexpr std::string_view kPlain = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.";
  return etag.size() <= 128 && etag.find_first_not_of(kPlain) == std::string::npos ? etag : std::string();
}

class GcpSource final : public Source {
 public:
  explicit GcpSource(const PollerOptions& options, std::string endpoint)
      : client_(std::move(endpoint), {{"Metadata-Flavor", "Google"}}),
        wait_(std::clamp(std::chrono::ceil<seconds>(options.period), seconds(1), kLongestWait)),
        notice_(options.gcp_notice) {}

  Observation look() override;
  std::string probe() override;
  void cancel() override { client_.cancel(); }
  [[nodiscard]] std::string_view name() const override { return kGcp.name; }

 private:
  /// At once, or when it is another than the one before, or when the wait is over.
  MetadataAnswer ask_preempted();
  static void read(const char* path, const MetadataAnswer& answer, std::string_view group,
                   std::optional<std::vector<Sighting>> sightings, Observation& observation);

  MetadataClient client_;
  seconds wait_;
  nanoseconds notice_;
  std::string etag_;  ///< of the answer before; empty: there was none, and the question does not wait
};

MetadataAnswer GcpSource::ask_preempted() {
  const std::string etag = std::exchange(etag_, {});
  MetadataAnswer answer;
  if (!etag.empty()) {
    answer = client_.ask_known(
        {.path = cat(kPreempted, "?wait_for_change=true&timeout_sec=", wait_.count(), "&last_etag=", etag),
         .timeout = wait_ + kTimeout});
  }
  // A server that restarts refuses to wait (HTTP status 503); one that stands in for it may know of no waiting.
  const bool is_refused = !answer.unknown.empty() && !answer.unreachable;
  if (etag.empty() || is_refused) answer = client_.ask_known({.path = kPreempted});
  return answer;
}

/// Puts into the observation what an answer says of its group.
void GcpSource::read(const char* path, const MetadataAnswer& answer, std::string_view group,
                     std::optional<std::vector<Sighting>> sightings, Observation& observation) {
  if (!answer.unknown.empty()) {
    observation.unknown = answer.unknown;
  } else if (answer.body && !sightings) {
    observation.unknown = unreadable(path, *answer.body);
  } else {
    observation.clear.push_back(group);
  }
  for (Sighting& sighting : sightings.value_or(std::vector<Sighting>())) {
    observation.sightings.push_back(std::move(sighting));
  }
}

Observation GcpSource::look() {
  Observation observation;
  const bool is_first = etag_.empty();
  const std::int64_t began_ns = system_clock().monotonic_ns();
  const MetadataAnswer preempted = ask_preempted();
  // A wait that was refused, or cut short, must not be begun anew at once, and for ever.
  const bool waited = system_clock().monotonic_ns() - began_ns >= nanoseconds(wait_).count() / 2;
  auto sightings = preempted.body ? parse_preempted(*preempted.body, notice_) : std::nullopt;
  if (sightings) etag_ = plain_etag(preempted.etag);
  read(kPreempted, preempted, kPreemptedGroup, std::move(sightings), observation);
  observation.look_on = waited || (is_first && !etag_.empty());
  // Nothing else is worth a request then.
  if (preempted.unreachable || !observation.sightings.empty()) return observation;
  const MetadataAnswer maintenance = client_.ask({.path = kMaintenanceEvent});
  read(kMaintenanceEvent, maintenance, kMaintenanceGroup,
       maintenance.body ? parse_maintenance_event(*maintenance.body) : std::nullopt, observation);
  return observation;
}

std::string GcpSource::probe() {
  const std::string path = "/computeMetadata/v1/instance/id";
  HttpResponse response = client_.request({.path = path});
  const bool is_google = response.header("metadata-flavor") == "Google";
  const MetadataAnswer answer = answer_of(std::move(response), client_.endpoint(), path);
  if (!answer.unknown.empty()) return answer.unknown;
  return answer.body && is_google ? "" : "what answers is not Google's metadata server";
}

bool made_by_google(const DmiText& dmi) {
  // "Google Compute Engine", or "Google" on the oldest machines.
  return dmi("product_name").starts_with("Google");
}

std::unique_ptr<Source> make_gcp(const PollerOptions& options) {
  const std::string_view host = environment_variable(kHostVariable);
  if (host.find('/') != std::string_view::npos) {
    fail(Status::kConfig,
         cat("environment variable ", kHostVariable, " is '", printable(host), "': it takes HOST or HOST:PORT"));
  }
  const std::string given = host.empty() ? std::string() : cat("http://", host);
  return std::make_unique<GcpSource>(options,
                                     endpoint_of(options, given, kHostVariable, "http://metadata.google.internal"));
}

}  // namespace

const Provider kGcp = {
    .name = "gcp", .made = made_by_google, .forbidden = [] { return std::string(); }, .make = make_gcp};

std::optional<std::vector<Sighting>> parse_preempted(std::string_view body, nanoseconds notice) {
  const std::string_view word = trim(body);
  if (word == "FALSE") return std::vector<Sighting>();
  if (word != "TRUE") return std::nullopt;
  return std::vector{Sighting{.source = "gcp-preempted",
                              .group = kPreemptedGroup,
                              .action = NoticeAction::kTerminate,
                              .detail = "preempted",
                              .notice = notice}};
}

std::optional<std::vector<Sighting>> parse_maintenance_event(std::string_view body) {
  const std::string_view word = trim(body);
  if (word == "NONE") return std::vector<Sighting>();
  const bool ends = word == "TERMINATE_ON_HOST_MAINTENANCE";
  if (!ends && word != "MIGRATE_ON_HOST_MAINTENANCE") return std::nullopt;
  Sighting sighting{.source = "gcp-maintenance",
                    .group = kMaintenanceGroup,
                    .action = ends ? NoticeAction::kTerminate : NoticeAction::kRebalance,
                    .detail = std::string(word)};
  if (ends) sighting.notice = kMaintenanceNotice;
  return std::vector{std::move(sighting)};
}

}  // namespace spot
