#include "simulate_tencent.h"

#include <map>

namespace spotctl {
namespace {

constexpr std::string_view kRoot = "/latest/meta-data/";

/// What never changes, by path below /latest/meta-data/.
const std::map<std::string, std::string>& fixed_tree() {
  static const std::map<std::string, std::string> kTree = {
      {"", "cam/\ninstance-id\ninstance/\nplacement/\nspot/"},
      {"cam/security-credentials/", "spot-trainer-rehearsal"},
      {"instance-id", "ins-rehearsal"},
      {"instance/image-id", "img-eb30mz89"},
      {"instance/instance-type", "S5.LARGE8"},
      {"placement/region", "eu-frankfurt"},
      {"placement/zone", "eu-frankfurt-1"},
  };
  return kTree;
}

}  // namespace

std::string SimulatedTencent::stated_time(const GivenNotice& notice) const {
  const std::time_t time = notice.at + static_cast<std::time_t>(options_.notice_seconds);
  return options_.time == "plain" ? time_text(time, "%Y-%m-%d %H:%M:%S") : time_in_form(time, options_.time);
}

SimulatedService::Json SimulatedTencent::words_of(const GivenNotice& notice) const {
  return {{"time", stated_time(notice)}};
}

ServerResponse SimulatedTencent::route(const ServerRequest& request) {
  if (request.method != "GET") return status_response(405);
  if (!request.path.starts_with(kRoot)) return status_response(404);
  const std::string path = request.path.substr(kRoot.size());
  if (path == "spot/termination-time") {
    const auto notice = standing_notice();
    return notice ? text_response(stated_time(*notice)) : status_response(404);
  }
  if (path == "cam/security-credentials/spot-trainer-rehearsal") {
    const std::time_t ends = std::time(nullptr) + 6 * 3600;
    return json_response({{"TmpSecretId", "rehearsal-only"},
                          {"TmpSecretKey", "rehearsal-only-not-a-secret"},
                          {"Token", "rehearsal-only"},
                          {"ExpiredTime", ends},
                          {"Expiration", time_text(ends)},
                          {"Code", "Success"}});
  }
  const auto found = fixed_tree().find(path);
  return found == fixed_tree().end() ? status_response(404) : text_response(found->second);
}

}  // namespace spotctl
