#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include <nlohmann/json.hpp>

#include "http_server.h"

namespace spotctl {

/// A rehearsal of one EC2 spot instance's metadata.
struct SimulateAwsOptions {
  double notice_after = -1;     ///< seconds until the spot notice; negative: only when triggered
  double notice_seconds = 120;  ///< from the notice to the stated time
  std::string action = "terminate";
  /// How its time is written: utc, offset, lower, space or fraction; number: as a JSON number; none: not at all; any
  /// other text stands for the time itself.
  std::string time = "utc";
  std::optional<std::string> body;    ///< of spot/instance-action instead, while the notice lasts
  double withdraw_after = -1;         ///< seconds from the notice until it is gone; negative: never
  double again_after = -1;            ///< seconds from then to a second one; negative: never
  double rebalance_after = -1;        ///< seconds until the rebalance recommendation; negative: never
  double rebalance_again_after = -1;  ///< seconds until a second one, which states a time three hours later
  int token_ttl = 21600;              ///< longest life of a token, in seconds
  bool v1 = false;                    ///< also answer requests without a token
  std::string fault;                  ///< how every answer is spoilt; empty: not at all
  std::string token_fault;            ///< how the answers to requests for a token are
};

/// The faults that can be rehearsed, for help and checks.
extern const char* const kAwsFaults[];
extern const int kAwsFaultCount;

/// The instance metadata service, version 2: session tokens, and as much of the tree as the AWS CLI and SDKs ask
/// for. Called from several connections at once.
class SimulatedAws {
 public:
  using Emit = std::function<void(const nlohmann::ordered_json&)>;

  SimulatedAws(SimulateAwsOptions options, Emit emit);

  ServerResponse answer(const ServerRequest& request);
  /// The spot notice, now.
  void trigger();
  /// Takes it back.
  void withdraw();

 private:
  using Clock = std::chrono::steady_clock;

  ServerResponse route(const ServerRequest& request);
  ServerResponse issue_token(const ServerRequest& request);
  bool token_is_valid(const ServerRequest& request);
  ServerResponse metadata(const std::string& path);
  /// Does what is due by now. The time that the notice states; nothing when there is none.
  [[nodiscard]] std::optional<std::string> standing_notice();
  void give_notice();
  void take_back();
  [[nodiscard]] ServerResponse action(const std::string& time) const;
  [[nodiscard]] ServerResponse rebalance() const;

  SimulateAwsOptions options_;
  Emit emit_;
  Clock::time_point started_ = Clock::now();
  std::mutex mutex_;
  std::map<std::string, Clock::time_point> tokens_;  ///< with their ends
  std::mt19937_64 random_{std::random_device{}()};
  int notices_ = 0;  ///< given so far
  bool noticed_ = false;
  Clock::time_point changed_;  ///< when noticed_ did
  std::string stated_time_;    ///< UTC
};

}  // namespace spotctl
