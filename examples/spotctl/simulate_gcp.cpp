#include "simulate_gcp.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>

namespace spotctl {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kRoot = "/computeMetadata/v1/";
constexpr const char* kEmail = "rehearsal@spot-trainer-rehearsal.iam.gserviceaccount.com";
constexpr const char* kScope = "https://www.googleapis.com/auth/cloud-platform";
constexpr int kDefaultWait = 60, kLongestWait = 3600;  // seconds

/// What never changes, by path below /computeMetadata/v1/. A path that ends in '/' lists what lies below it.
const std::map<std::string, std::string>& fixed_tree() {
  static const std::map<std::string, std::string> kTree = {
      {"", "instance/\nproject/\nuniverse/\n"},
      {"instance/",
       "hostname\nid\nmachine-type\nmaintenance-event\nname\npreempted\nscheduling/\nservice-accounts/\nzone\n"},
      {"instance/hostname", "rehearsal.europe-west3-a.c.spot-trainer-rehearsal.internal"},
      {"instance/id", "4520031799277581759"},
      {"instance/machine-type", "projects/123456789012/machineTypes/c3-standard-4"},
      {"instance/name", "rehearsal"},
      {"instance/scheduling/", "automatic-restart\non-host-maintenance\npreemptible\n"},
      {"instance/scheduling/automatic-restart", "FALSE"},
      {"instance/scheduling/on-host-maintenance", "TERMINATE"},
      {"instance/scheduling/preemptible", "TRUE"},
      {"instance/service-accounts/", "default/\n"},
      {"instance/service-accounts/default/", "aliases\nemail\nidentity\nscopes\ntoken\n"},
      {"instance/service-accounts/default/aliases", "default"},
      {"instance/service-accounts/default/email", kEmail},
      {"instance/service-accounts/default/scopes", kScope},
      {"instance/zone", "projects/123456789012/zones/europe-west3-a"},
      {"project/", "numeric-project-id\nproject-id\n"},
      {"project/numeric-project-id", "123456789012"},
      {"project/project-id", "spot-trainer-rehearsal"},
      {"universe/", "universe-domain\n"},
      {"universe/universe-domain", "googleapis.com"},
  };
  return kTree;
}

std::string base64_url(const std::string& bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
    for (count += 8; count >= 6; count -= 6) text += kDigits[bits >> (count - 6) & 63];
  }
  if (count > 0) text += kDigits[bits << (6 - count) & 63];
  return text;
}

/// A token that says who this machine is, of the right form; nobody has signed it.
std::string identity_token(const std::string& audience) {
  const std::time_t now = std::time(nullptr);
  const Json header{{"alg", "RS256"}, {"kid", "rehearsal"}, {"typ", "JWT"}};
  const Json claims{{"aud", audience},
                    {"azp", "107517467455664443765"},
                    {"email", kEmail},
                    {"email_verified", true},
                    {"exp", now + 3600},
                    {"iat", now},
                    {"iss", "https://accounts.google.com"},
                    {"sub", "107517467455664443765"}};
  return base64_url(header.dump()) + "." + base64_url(claims.dump(-1, ' ', false, Json::error_handler_t::replace)) +
         "." + base64_url("rehearsal");
}

bool waits(const ServerRequest& request) {
  return request.query_value("wait_for_change") == "true";
}

/// Equal for equal values, as ETags are (FNV-1a).
std::string etag_of(const std::string& value) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : value) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

std::chrono::seconds wait_of(const ServerRequest& request) {
  const std::string text = request.query_value("timeout_sec");
  int seconds = kDefaultWait;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::chrono::seconds(std::clamp(seconds, 0, kLongestWait));
}

}  // namespace

std::string SimulatedGcp::fault_of(const ServerRequest& request, const std::string& fault) const {
  return waits(request) && !options_.wait_fault.empty() ? options_.wait_fault : fault;
}

SimulatedService::Json SimulatedGcp::words_of(const GivenNotice& /*notice*/) const {
  return {{"preempted", "TRUE"}};
}

ServerResponse SimulatedGcp::route(const ServerRequest& request) {
  ServerResponse response = metadata(request);
  response.headers.emplace_back("Metadata-Flavor", "Google");
  response.headers.emplace_back("Server", "Metadata Server for VM");
  return response;
}

ServerResponse SimulatedGcp::metadata(const ServerRequest& request) {
  if (request.method != "GET") return status_response(405);
  if (request.path == "/") return text_response("computeMetadata/\n");
  if (!request.path.starts_with(kRoot)) return status_response(404);
  if (request.header("metadata-flavor") != "Google" || request.headers.contains("x-forwarded-for")) {
    return status_response(403);
  }
  auto found = value(request);
  if (!found) return status_response(404);
  if (waits(request)) {
    // Without a tag it is the next change that counts.
    const std::string last =
        request.query.contains("last_etag") ? request.query_value("last_etag") : etag_of(found->body);
    const auto changed = [&] {
      found = value(request);
      return etag_of(found->body) != last;
    };
    wait_until(changed, wait_of(request));
  }
  found->headers.emplace_back("ETag", etag_of(found->body));
  if (found->content_type == "text/plain") found->content_type = "application/text";
  return *found;
}

std::optional<ServerResponse> SimulatedGcp::value(const ServerRequest& request) {
  const std::string path = request.path.substr(kRoot.size());
  const std::string account = "instance/service-accounts/default/";
  if (path == "instance/preempted") return text_response(standing_notice() ? "TRUE" : "FALSE");
  if (path == "instance/maintenance-event") {
    return text_response(has_passed(options_.maintenance_after) ? options_.maintenance_event : "NONE");
  }
  if (path == account && request.query_value("recursive") == "true") {
    return json_response({{"aliases", {"default"}}, {"email", kEmail}, {"scopes", {kScope}}});
  }
  if (path == account + "token") {
    return json_response({{"access_token", "ya29.rehearsal-only"}, {"expires_in", 3599}, {"token_type", "Bearer"}});
  }
  if (path == account + "identity") {
    const std::string audience = request.query_value("audience");
    return audience.empty() ? status_response(400) : text_response(identity_token(audience));
  }
  const auto& tree = fixed_tree();
  for (const std::string& candidate : {path, path + "/"}) {
    if (const auto fixed = tree.find(candidate); fixed != tree.end()) return text_response(fixed->second);
  }
  return std::nullopt;
}

}  // namespace spotctl
