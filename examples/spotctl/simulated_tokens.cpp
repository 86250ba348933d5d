#include "simulated_tokens.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "simulated_service.h"

namespace spotctl {

ServerResponse SimulatedTokens::issue(const ServerRequest& request) {
  if (request.method != "PUT") return status_response(405);
  const std::string ttl_header = header_ + "-ttl-seconds";
  const int asked = std::atoi(request.header(ttl_header).c_str());
  if (asked < 1 || asked > 21600) return status_response(400);
  if (request.headers.contains("x-forwarded-for")) return status_response(403);
  const int granted = std::min(asked, longest_life_);
  const std::lock_guard lock(mutex_);
  char token[64];
  std::snprintf(token, sizeof token, "AQAEA%016llx%016llx==", static_cast<unsigned long long>(random_()),
                static_cast<unsigned long long>(random_()));
  ends_[token] = Clock::now() + std::chrono::seconds(granted);
  ServerResponse response = text_response(token);
  response.headers.emplace_back(ttl_header, std::to_string(granted));
  return response;
}

bool SimulatedTokens::admits(const ServerRequest& request, bool without) {
  if (!request.headers.contains(header_)) return without;
  const std::lock_guard lock(mutex_);
  const auto end = ends_.find(request.header(header_));
  return end != ends_.end() && Clock::now() < end->second;
}

std::string SimulatedTokens::fault_of(const ServerRequest& request, const std::string& token_fault,
                                      const std::string& fault) {
  if (request.path != kPath) return fault;
  if (!token_fault.empty()) return token_fault;
  // A token is given out all the same: what is spoilt then is what it is used for.
  return fault == "garbage" || fault == "types" || fault == "404" ? "" : fault;
}

}  // namespace spotctl
