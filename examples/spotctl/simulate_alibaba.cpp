#include "simulate_alibaba.h"

#include <map>

namespace spotctl {
namespace {

constexpr std::string_view kRoot = "/latest/meta-data/";

/// What never changes, by path below /latest/meta-data/.
const std::map<std::string, std::string>& fixed_tree() {
  static const std::map<std::string, std::string> kTree = {
      {"", "image-id\ninstance-id\ninstance/\nram/\nregion-id\nzone-id"},
      {"image-id", "aliyun_3_x64_20G_alibase_20250101.vhd"},
      {"instance-id", "i-bp13znx0m0me8cquu0as"},
      {"instance/instance-type", "ecs.c7.large"},
      {"ram/security-credentials/", "spot-trainer-rehearsal"},
      {"region-id", "eu-central-1"},
      {"zone-id", "eu-central-1a"},
  };
  return kTree;
}

}  // namespace

std::string SimulatedAlibaba::stated_time(const GivenNotice& notice) const {
  return time_in_form(notice.at + static_cast<std::time_t>(options_.notice_seconds), options_.time);
}

SimulatedService::Json SimulatedAlibaba::words_of(const GivenNotice& notice) const {
  return {{"time", stated_time(notice)}};
}

std::string SimulatedAlibaba::fault_of(const ServerRequest& request, const std::string& fault) const {
  return SimulatedTokens::fault_of(request, options_.token_fault, fault);
}

ServerResponse SimulatedAlibaba::route(const ServerRequest& request) {
  if (request.path == SimulatedTokens::kPath) return tokens_.issue(request);
  if (request.method != "GET") return status_response(405);
  if (!tokens_.admits(request, options_.v1)) return status_response(401);
  if (!request.path.starts_with(kRoot)) return status_response(404);
  const std::string path = request.path.substr(kRoot.size());
  if (path == "instance/spot/termination-time") {
    const auto notice = standing_notice();
    return notice ? text_response(stated_time(*notice)) : status_response(404);
  }
  if (path == "ram/security-credentials/spot-trainer-rehearsal") {
    const std::time_t now = std::time(nullptr);
    return json_response({{"Code", "Success"},
                          {"LastUpdated", time_text(now)},
                          {"AccessKeyId", "STS.rehearsal-only"},
                          {"AccessKeySecret", "rehearsal-only-not-a-secret"},
                          {"SecurityToken", "rehearsal-only"},
                          {"Expiration", time_text(now + 6 * 3600)}});
  }
  const auto found = fixed_tree().find(path);
  return found == fixed_tree().end() ? status_response(404) : text_response(found->second);
}

}  // namespace spotctl
