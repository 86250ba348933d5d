#pragma once

#include <chrono>
#include <condition_variable>
#include <ctime>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "http_server.h"

namespace spotctl {

/// What the rehearsal of every cloud can be told to do.
struct SimulateOptions {
  double notice_after = -1;    ///< seconds until the notice; negative: only when triggered
  double withdraw_after = -1;  ///< seconds from the notice until it is gone; negative: never
  double again_after = -1;     ///< seconds from then to a second one; negative: never
  std::string fault;           ///< how every answer is spoilt; empty: not at all
};

/// The faults that can be rehearsed, for help and checks.
const std::vector<std::string>& simulated_faults();

/// A rehearsal of the metadata service of one machine. Called from several connections at once.
class SimulatedService {
 public:
  using Json = nlohmann::ordered_json;
  using Emit = std::function<void(const Json&)>;

  SimulatedService(const SimulateOptions& options, Emit emit);
  virtual ~SimulatedService() = default;
  SimulatedService(const SimulatedService&) = delete;
  SimulatedService& operator=(const SimulatedService&) = delete;

  ServerResponse answer(const ServerRequest& request);
  /// The notice, now.
  void trigger();
  /// Takes it back.
  void withdraw();
  /// Spoils no answer from now on.
  void repair();
  /// Ends every wait for a change.
  void end();

 protected:
  struct GivenNotice {
    std::time_t at;
    int number;  ///< counts from 1
  };

  virtual ServerResponse route(const ServerRequest& request) = 0;
  /// How the answer to this request is spoilt, `fault` being how every one is.
  [[nodiscard]] virtual std::string fault_of(const ServerRequest& request, const std::string& fault) const;
  /// What the cloud says of a notice, for whoever watches the rehearsal.
  [[nodiscard]] virtual Json words_of(const GivenNotice& notice) const = 0;

  /// Does what is due by now. The notice that stands.
  std::optional<GivenNotice> standing_notice();
  /// Returns when `changed` says so, the time is up, or the rehearsal ends.
  void wait_until(const std::function<bool()>& changed, std::chrono::seconds timeout);
  /// Whether so many seconds of the rehearsal are over; never, when they are negative.
  [[nodiscard]] bool has_passed(double seconds) const;

 private:
  using Clock = std::chrono::steady_clock;

  std::optional<ServerResponse> control(const ServerRequest& request);
  void give_notice();
  void take_back();

  SimulateOptions options_;
  Emit emit_;
  Clock::time_point started_ = Clock::now();
  std::mutex mutex_;
  std::condition_variable changed_;
  int notices_ = 0;  ///< given so far
  std::optional<GivenNotice> notice_;
  Clock::time_point changed_at_;  ///< when notice_ did
  bool repaired_ = false, ended_ = false;
};

/// UTC as strftime() writes it.
std::string time_text(std::time_t time, const char* form = "%Y-%m-%dT%H:%M:%SZ");
/// The time in one of the forms that --time knows: utc, offset, lower, space or fraction; any other text stands for
/// itself.
std::string time_in_form(std::time_t time, const std::string& form);

ServerResponse text_response(std::string body);
ServerResponse json_response(const nlohmann::ordered_json& body);
ServerResponse status_response(int code);

}  // namespace spotctl
