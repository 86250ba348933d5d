#include "simulate_azure.h"

#include <cstdio>

namespace spotctl {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kRoot = "/metadata/";
constexpr const char* kVersions[] = {"2019-08-01", "2020-07-01", "2021-02-01"};

std::string event_id(int number) {
  char text[64];
  std::snprintf(text, sizeof text, "c7061bac-afdc-4513-b24b-%012d", number);
  return text;
}

ServerResponse bad_request(const char* why) {
  ServerResponse response = json_response({{"error", why}});
  response.status = 400;
  return response;
}

/// A value as the service gives it: text when it is asked for, else JSON.
ServerResponse value_response(const ServerRequest& request, const Json& value) {
  const bool as_text = request.query_value("format") == "text" && value.is_string();
  return as_text ? text_response(value.get<std::string>()) : json_response(value);
}

ServerResponse token(const ServerRequest& request) {
  const std::string resource = request.query_value("resource");
  if (resource.empty()) return bad_request("invalid_request");
  const std::time_t ends = std::time(nullptr) + 86400;
  return json_response({{"access_token", "rehearsal-only"},
                        {"client_id", "00000000-0000-0000-0000-000000000000"},
                        {"expires_in", "86400"},
                        {"expires_on", std::to_string(ends)},
                        {"not_before", std::to_string(ends - 86400)},
                        {"resource", resource},
                        {"token_type", "Bearer"}});
}

}  // namespace

SimulatedService::Json SimulatedAzure::words_of(const GivenNotice& notice) const {
  return {{"type", options_.event_type}, {"event_id", event_id(notice.number)}};
}

ServerResponse SimulatedAzure::route(const ServerRequest& request) {
  if (!request.path.starts_with(kRoot)) return status_response(404);
  if (request.header("metadata") != "true") return bad_request("Bad request. Required metadata header not specified");
  if (request.headers.contains("x-forwarded-for")) return bad_request("Bad request. X-Forwarded-For is not allowed");
  const std::string path = request.path.substr(kRoot.size());
  if (path == "versions") return json_response({{"apiVersions", kVersions}});
  if (request.query_value("api-version").empty()) {
    return bad_request("Bad request. api-version was not specified in the request");
  }
  if (path == "scheduledevents" && request.method == "POST") return start_events(request.body);
  if (request.method != "GET") return status_response(405);
  if (path == "scheduledevents") return events();
  if (path == "identity/oauth2/token") return token(request);
  return instance(request, path);
}

ServerResponse SimulatedAzure::instance(const ServerRequest& request, const std::string& path) const {
  const Json tree{{"instance",
                   {{"compute",
                     {{"azEnvironment", "AzurePublicCloud"},
                      {"evictionPolicy", "Deallocate"},
                      {"location", "germanywestcentral"},
                      {"name", options_.machine},
                      {"osType", "Linux"},
                      {"priority", "Spot"},
                      {"resourceGroupName", "spot-trainer"},
                      {"subscriptionId", "00000000-0000-0000-0000-000000000000"},
                      {"vmId", "02aab8a4-74ef-476e-8182-f6d2ba4166a6"},
                      {"vmSize", "Standard_D4s_v5"}}},
                    {"network", {{"interface", Json::array()}}}}}};
  const std::string pointer = "/" + path.substr(0, path.find_last_not_of('/') + 1);
  const bool is_there = pointer.find('~') == std::string::npos && tree.contains(Json::json_pointer(pointer));
  return is_there ? value_response(request, tree.at(Json::json_pointer(pointer))) : status_response(404);
}

Json SimulatedAzure::event_of(const GivenNotice& notice) {
  const std::time_t begins = notice.at + static_cast<std::time_t>(options_.notice_seconds);
  const bool started = options_.started || approved_.contains(notice.number) || std::time(nullptr) >= begins;
  return {{"EventId", event_id(notice.number)},
          {"EventStatus", started ? "Started" : "Scheduled"},
          {"EventType", options_.event_type},
          {"ResourceType", "VirtualMachine"},
          {"Resources", {options_.resource}},
          {"NotBefore", started ? "" : time_text(begins, "%a, %d %b %Y %H:%M:%S GMT")},
          {"Description", "a rehearsal"},
          {"EventSource", "Platform"},
          {"DurationInSeconds", -1}};
}

ServerResponse SimulatedAzure::events() {
  bool is_first = false;
  {
    const std::lock_guard lock(events_mutex_);
    is_first = !std::exchange(first_asked_, true);
  }
  if (is_first) wait_until([] { return false; }, std::chrono::seconds(options_.first_seconds));
  const auto notice = standing_notice();
  const std::lock_guard lock(events_mutex_);
  Json list = Json::array();
  if (notice) list.push_back(event_of(*notice));
  const std::string text = list.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text != std::exchange(last_events_, text)) ++incarnation_;
  return json_response({{"DocumentIncarnation", incarnation_}, {"Events", list}});
}

ServerResponse SimulatedAzure::start_events(const std::string& body) {
  const auto notice = standing_notice();
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object() || !json.contains("StartRequests") || !json["StartRequests"].is_array()) {
    return bad_request("StartRequests is missing");
  }
  const std::lock_guard lock(events_mutex_);
  for (const Json& request : json["StartRequests"]) {
    const bool is_known = notice && request.is_object() && request.value("EventId", Json()) == event_id(notice->number);
    if (!is_known) return bad_request("EventId is not that of an event");
    approved_.insert(notice->number);
  }
  return text_response("");
}

}  // namespace spotctl
