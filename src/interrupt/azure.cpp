#include "interrupt/azure.h"

#include <algorithm>
#include <utility>

#include "base/lower_case.h"
#include "base/text.h"
#include "interrupt/metadata_client.h"
#include "interrupt/metadata_json.h"

namespace spot {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

/// Scheduled events are switched on for a machine by its first question, whose answer takes up to two minutes.
constexpr milliseconds kFirstTimeout{150'000};
constexpr milliseconds kTimeout{2000};
/// The document names the events of all machines of an availability or scale set.
constexpr std::uint64_t kDocumentLimit = 256 * 1024;

constexpr std::string_view kGroup = "scheduled-events";
constexpr const char* kEventsPath = "/metadata/scheduledevents?api-version=2020-07-01";
constexpr const char* kNamePath = "/metadata/instance/compute/name?api-version=2021-02-01&format=text";

/// A type of event. `notice` is the least that the guide promises for one that states its time.
struct EventType {
  const char* name;  ///< in lower case
  const char* source;
  NoticeAction action;
  std::optional<nanoseconds> notice;
};

constexpr nanoseconds kShortNotice = seconds(30);

constexpr EventType kTypes[] = {
    {"preempt", "azure-preempt", NoticeAction::kTerminate, kShortNotice},
    {"terminate", "azure-terminate", NoticeAction::kTerminate, seconds(300)},
    {"reboot", "azure-reboot", NoticeAction::kStop, seconds(900)},
    {"redeploy", "azure-redeploy", NoticeAction::kStop, seconds(600)},
    {"freeze", "azure-freeze", NoticeAction::kRebalance, std::nullopt},
};
/// Whatever else was not known when this was written.
constexpr EventType kOther = {"", "azure-event", NoticeAction::kTerminate, kShortNotice};

const EventType& type_of(const std::string& name) {
  const auto known = std::ranges::find_if(kTypes, [&](const EventType& type) { return lower_case(name) == type.name; });
  return known == std::end(kTypes) ? kOther : *known;
}

/// The machines that an event concerns; nothing: it does not say.
std::optional<std::vector<std::string>> machines_of(const JsonValue& event) {
  const JsonValue* resources = event.find("Resources");
  if (resources == nullptr || !resources->is_array()) return std::nullopt;
  std::vector<std::string> names;
  for (const JsonValue& name : resources->elements()) {
    if (!name.is_text()) return std::nullopt;
    names.emplace_back(trim(name.text()));
  }
  return names;
}

bool concerns(const ScheduledEvents::Event& event, std::string_view machine) {
  return std::ranges::any_of(event.machines,
                             [&](const std::string& name) { return lower_case(name) == lower_case(machine); });
}

Sighting sighting_of(const JsonValue& event, const std::string& type_name) {
  const EventType& type = type_of(type_name);
  const std::string status = text_field(event, "EventStatus"), time = text_field(event, "NotBefore");
  const std::string description = text_field(event, "Description");
  Sighting sighting{.source = type.source,
                    .group = kGroup,
                    .event_id = text_field(event, "EventId"),
                    .action = type.action,
                    .detail = cat(printable(type_name), status.empty() ? "" : cat(" ", printable(status)),
                                  time.empty() ? "" : cat(", not before ", printable(time)),
                                  description.empty() ? "" : cat(": ", printable(description, kDetailLimit))),
                    .notice = type.notice};
  // One that has started, as a failure of the hardware does without being scheduled, states no time: it is now.
  const bool started = lower_case(status) == "started";
  if (!started) sighting.stated_ns = nanoseconds_of(parse_http_date(time));
  if (type.notice && started) sighting.notice = seconds(0);
  if (type.notice && !started && !sighting.stated_ns) sighting.notice = kShortNotice;
  return sighting;
}

/// Whether it states a time beyond the minutes of notice that its type promises, as failing hardware does days ahead:
/// the machine is healthy until then.
bool is_far_off(const Sighting& sighting) {
  if (!sighting.notice || *sighting.notice <= kShortNotice || !sighting.stated_ns || !sighting.now_ns) return false;
  return *sighting.stated_ns - *sighting.now_ns > sighting.notice->count();
}

/// Saves, and trains on. When its time has come nearer it is sighted with its own action, which is a new event.
void make_early(Sighting& sighting) {
  sighting.action = NoticeAction::kRebalance;
  sighting.notice.reset();
}

bool is_machine_name(std::string_view name) {
  constexpr std::string_view kPlain = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.";
  return !name.empty() && name.find_first_not_of(kPlain) == std::string_view::npos;
}

class AzureSource final : public Source {
 public:
  explicit AzureSource(std::string endpoint) : client_(std::move(endpoint), {{"Metadata", "true"}}) {}

  Observation look() override;
  std::string probe() override { return ask_name().unknown; }
  void cancel() override { client_.cancel(); }
  [[nodiscard]] std::string_view name() const override { return kAzure.name; }
  // A preempted machine has 30 seconds.
  [[nodiscard]] nanoseconds longest_period() const override { return seconds(1); }

 private:
  /// The machine's name, as events name it.
  MetadataAnswer ask_name();
  /// Asks for it and keeps it. Returns why it is unknown.
  std::string learn_name();

  MetadataClient client_;
  std::string machine_;   ///< its name, as last answered; empty: the service has not answered yet
  bool enabled_ = false;  ///< it has answered about events
};

MetadataAnswer AzureSource::ask_name() {
  MetadataAnswer answer = client_.ask_known({.path = kNamePath});
  if (!answer.body) return answer;
  answer.body = std::string(trim(*answer.body));
  if (!is_machine_name(*answer.body)) answer.unknown = unreadable(kNamePath, *answer.body);
  return answer;
}

std::string AzureSource::learn_name() {
  MetadataAnswer answer = ask_name();
  if (answer.unknown.empty()) machine_ = std::move(*answer.body);
  return std::move(answer.unknown);
}

Observation AzureSource::look() {
  if (machine_.empty()) {
    // The name is answered at once: whether there is a service must not take two minutes to tell.
    return {.unknown = learn_name(), .look_on = true};
  }
  const MetadataAnswer answer = client_.ask_known(
      {.path = kEventsPath, .timeout = enabled_ ? kTimeout : kFirstTimeout, .body_limit = kDocumentLimit});
  if (!answer.unknown.empty()) return {.unknown = answer.unknown};
  auto document = parse_scheduled_events(*answer.body);
  if (!document) return {.unknown = unreadable(kEventsPath, *answer.body)};
  enabled_ = true;
  Observation observation;
  if (!document->events.empty()) {
    learn_name();  // a machine keeps its name as a rule: where this is not answered the old one stands
    for (auto& event : document->events) {
      if (!concerns(event, machine_)) continue;
      event.sighting.now_ns = answer.now_ns;
      if (is_far_off(event.sighting)) make_early(event.sighting);
      observation.sightings.push_back(std::move(event.sighting));
    }
  }
  if (document->complete) {
    observation.clear.push_back(kGroup);
  } else {
    observation.unknown = unreadable(kEventsPath, *answer.body);
  }
  return observation;
}

bool made_by_microsoft(const DmiText& dmi) {
  // The asset tag of Azure's machines; those of Hyper-V elsewhere have others.
  return dmi("chassis_asset_tag") == "7783-7084-3265-9085-8269-3286-77";
}

std::unique_ptr<Source> make_azure(const PollerOptions& options) {
  return std::make_unique<AzureSource>(endpoint_of(options, "", "", "http://169.254.169.254"));
}

}  // namespace

const Provider kAzure = {
    .name = "azure", .made = made_by_microsoft, .forbidden = [] { return std::string(); }, .make = make_azure};

std::optional<ScheduledEvents> parse_scheduled_events(std::string_view body) {
  const auto json = json_in(body);
  const JsonValue* list = json ? json->find("Events") : nullptr;
  if (list == nullptr || !list->is_array()) return std::nullopt;
  ScheduledEvents document;
  for (const JsonValue& event : list->elements()) {
    const std::string type = text_field(event, "EventType"), status = lower_case(text_field(event, "EventStatus"));
    auto machines = machines_of(event);
    if (type.empty() || !machines) {
      document.complete = false;
    } else if (status != "completed" && status != "canceled") {
      document.events.push_back({sighting_of(event, type), std::move(*machines)});
    }
  }
  return document;
}

}  // namespace spot
