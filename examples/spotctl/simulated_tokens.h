#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <random>
#include <string>

#include "http_server.h"

namespace spotctl {

/// What the rehearsal of a cloud that asks for session tokens can be told to do.
struct SimulateTokenOptions {
  int token_ttl = 21600;    ///< longest life of a token, in seconds
  bool v1 = false;          ///< also answer requests without a token
  std::string token_fault;  ///< how the answers to requests for a token are spoilt
};

/// The session tokens that the metadata services of AWS and Alibaba Cloud give out and ask for.
class SimulatedTokens {
 public:
  static constexpr const char* kPath = "/latest/api/token";

  /// `header` carries a token, and is in lower case; `longest_life` in seconds.
  SimulatedTokens(std::string header, int longest_life) : header_(std::move(header)), longest_life_(longest_life) {}

  ServerResponse issue(const ServerRequest& request);
  /// Whether the request brings one that is valid; `without`: or none at all.
  bool admits(const ServerRequest& request, bool without);

  /// How the answer to a request is spoilt when that of each is by `fault`, and of those for a token by `token_fault`.
  static std::string fault_of(const ServerRequest& request, const std::string& token_fault, const std::string& fault);

 private:
  using Clock = std::chrono::steady_clock;

  std::string header_;
  int longest_life_;
  std::mutex mutex_;
  std::map<std::string, Clock::time_point> ends_;  ///< by token
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace spotctl
