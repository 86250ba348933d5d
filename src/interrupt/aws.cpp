#include "interrupt/aws.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/text.h"
#include "net/http.h"

namespace spot {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

constexpr seconds kSpotNotice{120};
constexpr int kTokenSeconds = 21600;  // the longest that the service grants

/// The text of a field of a JSON object, or nothing.
std::optional<std::string> text_field(std::string_view body, const char* name) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto field = json.find(name);
  if (field == json.end() || !field->is_string()) return std::nullopt;
  return field->get<std::string>();
}

NoticeAction action_of(const std::string& name) {
  if (name == "stop") return NoticeAction::kStop;
  if (name == "hibernate") return NoticeAction::kHibernate;
  return NoticeAction::kTerminate;  // also for an action that was not known when this was written
}

bool is_leap(std::int64_t year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
std::int64_t days_since_1970(std::int64_t year, int month, int day) {
  static constexpr int kBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  const std::int64_t y = year - 1;
  const std::int64_t before_year = y * 365 + y / 4 - y / 100 + y / 400 - 719162;
  return before_year + kBefore[month - 1] + (month > 2 && is_leap(year) ? 1 : 0) + day - 1;
}

/// `count` digits at `at`, or -1.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

class AwsSource final : public Source {
 public:
  AwsSource(std::string endpoint, bool allow_v1) : endpoint_(std::move(endpoint)), allow_v1_(allow_v1) {}

  Observation look() override;
  void cancel() override { client_.cancel(); }

 private:
  /// An answer of the service: its body, or that there is nothing there, or why neither is known.
  struct Answer {
    std::optional<std::string> body;
    std::string unknown;
  };

  Answer get(const char* path);
  HttpResponse request(const std::string& method, const std::string& path);
  /// Empty when there is a usable token, or none is needed.
  std::string renew_token();

  std::string endpoint_;
  bool allow_v1_;
  HttpClient client_;
  std::string token_;
  std::int64_t renew_token_at_ns_ = 0;
};

HttpResponse AwsSource::request(const std::string& method, const std::string& path) {
  HttpRequest request;
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
  const HttpResponse response = request("PUT", "/latest/api/token");
  if (!response.complete()) return cat("no session token: ", response.error);
  const bool no_tokens = response.status == 403 || response.status == 404 || response.status == 405;
  if (allow_v1_ && no_tokens) {
    renew_token_at_ns_ = INT64_MAX;
    return "";
  }
  const std::string_view token = trim(response.body);
  if (response.status != 200 || token.empty() || token.find_first_of(" <\r\n") != std::string_view::npos) {
    return cat("no session token: the metadata service answered HTTP status ", response.status);
  }
  token_ = token;
  // The service tells how long it grants; well before that is over a new one is asked for.
  const auto granted = parse_number<std::int64_t>(response.header("x-aws-ec2-metadata-token-ttl-seconds"));
  const std::int64_t lifetime = std::clamp<std::int64_t>(granted.value_or(kTokenSeconds), 1, kTokenSeconds);
  renew_token_at_ns_ = system_clock().monotonic_ns() + lifetime * 900'000'000;
  return "";
}

AwsSource::Answer AwsSource::get(const char* path) {
  for (int attempt = 0;; ++attempt) {
    const bool needs_token = token_.empty() && renew_token_at_ns_ != INT64_MAX;
    if (needs_token || system_clock().monotonic_ns() >= renew_token_at_ns_) {
      std::string failure = renew_token();
      if (!failure.empty()) return {.body = {}, .unknown = std::move(failure)};
    }
    HttpResponse response = request("GET", path);
    if (!response.complete()) return {.body = {}, .unknown = response.error};
    if (response.status == 200) return {.body = std::move(response.body), .unknown = {}};
    if (response.status == 404) return {};
    if (response.status == 401 && attempt == 0) {
      renew_token_at_ns_ = 0;  // it has forgotten the token
      continue;
    }
    return {.body = {}, .unknown = cat("the metadata service answered HTTP status ", response.status, " to ", path)};
  }
}

Observation AwsSource::look() {
  using Parser = std::optional<Sighting> (*)(std::string_view);
  struct Path {
    const char* path;
    Parser parse;
    bool malformed_is_none;  ///< the guide allows other texts there
  };
  const auto lifecycle = [](std::string_view body) -> std::optional<Sighting> {
    if (trim(body) != "Terminated") return std::nullopt;
    return Sighting{.source = "aws-autoscaling", .detail = std::string(trim(body)), .notice = kSpotNotice};
  };
  const Path paths[] = {
      {"/latest/meta-data/spot/instance-action", parse_instance_action, false},
      {"/latest/meta-data/spot/termination-time", parse_termination_time, true},
      {"/latest/meta-data/events/recommendations/rebalance", parse_rebalance, false},
      {"/latest/meta-data/autoscaling/target-lifecycle-state", lifecycle, true},
  };
  Observation observation;
  for (const Path& path : paths) {
    const Answer answer = get(path.path);
    if (!answer.unknown.empty()) {
      observation.unknown = answer.unknown;
      return observation;
    }
    if (!answer.body) continue;
    if (auto sighting = path.parse(*answer.body)) {
      observation.sightings.push_back(std::move(*sighting));
      // Nothing else is worth a request now.
      if (sighting->action != NoticeAction::kRebalance) return observation;
    } else if (!path.malformed_is_none) {
      observation.unknown =
          cat("the metadata service answered something unreadable to ", path.path, ": '", printable(*answer.body), "'");
    }
  }
  return observation;
}

}  // namespace

std::optional<std::int64_t> parse_utc_time(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (text.size() < kForm.size() + 1 || text.back() != 'Z') return std::nullopt;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] != 'd' && text[i] != kForm[i]) return std::nullopt;
  }
  const std::string_view fraction = text.substr(kForm.size(), text.size() - kForm.size() - 1);
  if (!fraction.empty() && (fraction[0] != '.' || fraction.size() < 2 ||
                            fraction.find_first_not_of("0123456789", 1) != std::string_view::npos)) {
    return std::nullopt;
  }
  const int year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  const int hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  static constexpr int kDays[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 || day > kDays[month - 1] ||
      (month == 2 && day == 29 && !is_leap(year)) || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
      second > 60) {
    return std::nullopt;
  }
  const std::int64_t seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
  return seconds * 1'000'000'000;
}

std::optional<Sighting> parse_instance_action(std::string_view body) {
  const auto action = text_field(body, "action");
  const auto time = text_field(body, "time");
  if (!action || action->empty() || !time) return std::nullopt;
  const auto stated = parse_utc_time(*time);
  if (!stated) return std::nullopt;
  const NoticeAction parsed = action_of(*action);
  return Sighting{.source = "aws-spot-action",
                  .action = parsed,
                  .detail = cat(printable(*action), " at ", *time),
                  .stated_ns = stated,
                  // A machine that hibernates begins at once.
                  .notice = parsed == NoticeAction::kHibernate ? seconds(0) : kSpotNotice};
}

std::optional<Sighting> parse_termination_time(std::string_view body) {
  const auto stated = parse_utc_time(trim(body));
  if (!stated) return std::nullopt;
  return Sighting{.source = "aws-termination-time",
                  .action = NoticeAction::kTerminate,
                  .detail = cat("terminate at ", trim(body)),
                  .stated_ns = stated,
                  .notice = kSpotNotice};
}

std::optional<Sighting> parse_rebalance(std::string_view body) {
  const auto time = text_field(body, "noticeTime");
  if (!time || !parse_utc_time(*time)) return std::nullopt;
  // The time is that of the recommendation, not of an end: there is no deadline to state.
  return Sighting{.source = "aws-rebalance",
                  .action = NoticeAction::kRebalance,
                  .detail = cat("rebalance recommended at ", *time),
                  .stated_ns = std::nullopt,
                  .notice = kSpotNotice};
}

std::string aws_endpoint_from_environment() {
  const auto variable = [](const char* name) -> std::string_view {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const auto endpoint = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT"); !endpoint.empty()) {
    return std::string(endpoint);
  }
  const auto mode = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
  return mode == "IPv6" || mode == "ipv6" ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
}

bool aws_disabled_by_environment() {
  const char* value = std::getenv("AWS_EC2_METADATA_DISABLED");
  return value != nullptr && (std::string_view(value) == "true" || std::string_view(value) == "TRUE");
}

std::unique_ptr<Source> make_aws_source(std::string endpoint, bool allow_v1) {
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return std::make_unique<AwsSource>(std::move(endpoint), allow_v1);
}

}  // namespace spot
