#include "simulated_service.h"

#include <algorithm>
#include <map>

namespace spotctl {
namespace {

using Json = nlohmann::ordered_json;
using Manner = ServerResponse::Manner;

/// A time that is due is not told to whoever waits for a change: he looks so often.
constexpr std::chrono::milliseconds kLook{20};

const std::map<std::string, Manner>& manners() {
  static const std::map<std::string, Manner> kManners = {
      {"hang", Manner::kSilence}, {"slow", Manner::kSlow}, {"endless", Manner::kEndless}, {"reset", Manner::kReset}};
  return kManners;
}

/// What comes instead of an answer.
ServerResponse spoilt(const std::string& fault) {
  if (const auto manner = manners().find(fault); manner != manners().end()) {
    ServerResponse response;
    response.manner = manner->second;
    return response;
  }
  if (fault == "html") {
    ServerResponse response = text_response("<html><body>Sign in to the network</body></html>");
    response.content_type = "text/html";
    return response;
  }
  if (fault == "garbage") return text_response("{\"action\": \"termin");
  if (fault == "types") return json_response({{"action", 7}, {"time", Json::array()}, {"Events", "none"}});
  if (fault == "redirect") {
    ServerResponse response = status_response(302);
    response.headers.emplace_back("Location", "http://127.0.0.1:1/latest/meta-data/");
    return response;
  }
  return status_response(std::stoi(fault));
}

}  // namespace

const std::vector<std::string>& simulated_faults() {
  static const std::vector<std::string> kFaults = {"401",     "403",   "404",  "429",  "500",     "503",   "html",
                                                   "garbage", "types", "hang", "slow", "endless", "reset", "redirect"};
  return kFaults;
}

SimulatedService::SimulatedService(const SimulateOptions& options, Emit emit)
    : options_(options), emit_(std::move(emit)) {}

std::string SimulatedService::fault_of(const ServerRequest& /*request*/, const std::string& fault) const {
  return fault;
}

void SimulatedService::give_notice() {
  if (notice_) return;
  notice_ = GivenNotice{std::time(nullptr), ++notices_};
  changed_at_ = Clock::now();
  Json event{{"event", "notice"}};
  event.update(words_of(*notice_));
  emit_(event);
  changed_.notify_all();
}

void SimulatedService::take_back() {
  if (!notice_) return;
  Json event{{"event", "withdrawal"}};
  event.update(words_of(*notice_));
  notice_.reset();
  changed_at_ = Clock::now();
  emit_(event);
  changed_.notify_all();
}

void SimulatedService::trigger() {
  const std::lock_guard lock(mutex_);
  give_notice();
}

void SimulatedService::withdraw() {
  const std::lock_guard lock(mutex_);
  take_back();
}

void SimulatedService::repair() {
  const std::lock_guard lock(mutex_);
  repaired_ = true;
}

void SimulatedService::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

bool SimulatedService::has_passed(double seconds) const {
  return seconds >= 0 && std::chrono::duration<double>(Clock::now() - started_).count() >= seconds;
}

std::optional<SimulatedService::GivenNotice> SimulatedService::standing_notice() {
  const std::lock_guard lock(mutex_);
  const auto is_due = [this](double seconds) {
    return seconds >= 0 && std::chrono::duration<double>(Clock::now() - changed_at_).count() >= seconds;
  };
  if (notices_ == 0 && has_passed(options_.notice_after)) give_notice();
  if (notice_ && is_due(options_.withdraw_after)) take_back();
  if (notices_ == 1 && !notice_ && is_due(options_.again_after)) give_notice();
  return notice_;
}

void SimulatedService::wait_until(const std::function<bool()>& changed, std::chrono::seconds timeout) {
  const Clock::time_point end = Clock::now() + timeout;
  while (!changed()) {
    std::unique_lock lock(mutex_);
    if (ended_ || Clock::now() >= end) return;
    changed_.wait_until(lock, std::min(end, Clock::now() + kLook));
  }
}

std::optional<ServerResponse> SimulatedService::control(const ServerRequest& request) {
  if (request.method != "POST" || !request.path.starts_with("/simulate/")) return std::nullopt;
  const std::string what = request.path.substr(std::string("/simulate/").size());
  if (what == "notice") {
    trigger();
  } else if (what == "withdraw") {
    withdraw();
  } else if (what == "repair") {
    repair();
  } else {
    return status_response(404);
  }
  return text_response("ok");
}

ServerResponse SimulatedService::answer(const ServerRequest& request) {
  auto response = control(request);
  if (!response) {
    std::string fault;
    {
      const std::lock_guard lock(mutex_);
      if (!repaired_) fault = fault_of(request, options_.fault);
    }
    response = fault.empty() || fault == "slow" ? route(request) : spoilt(fault);
    if (fault == "slow") response->manner = Manner::kSlow;
  }
  emit_({{"event", "request"},
         {"method", request.method},
         {"path", request.target},
         {"status", response->manner == Manner::kNormal ? Json(response->status) : Json(nullptr)}});
  return *response;
}

std::string time_text(std::time_t time, const char* form) {
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[64];
  std::strftime(text, sizeof text, form, &parts);
  return text;
}

std::string time_in_form(std::time_t time, const std::string& form) {
  constexpr std::time_t kOffset = 5 * 3600 + 1800;
  if (form == "utc") return time_text(time);
  if (form == "offset") return time_text(time - kOffset, "%Y-%m-%dT%H:%M:%S-05:30");
  if (form == "lower") return time_text(time, "%Y-%m-%dt%H:%M:%Sz");
  if (form == "space") return time_text(time, "%Y-%m-%d %H:%M:%SZ");
  if (form == "fraction") return time_text(time, "%Y-%m-%dT%H:%M:%S.123456789012Z");
  return form;
}

ServerResponse text_response(std::string body) {
  ServerResponse response;
  response.body = std::move(body);
  return response;
}

ServerResponse json_response(const Json& body) {
  ServerResponse response = text_response(body.dump(-1, ' ', false, Json::error_handler_t::replace));
  response.content_type = "application/json";
  return response;
}

ServerResponse status_response(int code) {
  ServerResponse response = text_response("status " + std::to_string(code));
  response.status = code;
  return response;
}

}  // namespace spotctl
