#pragma once

#include <mutex>
#include <set>
#include <string>

#include "simulated_service.h"

namespace spotctl {

/// A rehearsal of one machine's scheduled events.
struct SimulateAzureOptions : SimulateOptions {
  double notice_seconds = 30;  ///< from the notice to the time that it states, when the event starts
  std::string event_type = "Preempt";
  bool started = false;                ///< the event has started at once, as a failure of the hardware has
  std::string machine = "rehearsal";   ///< the machine's name
  std::string resource = "rehearsal";  ///< whom the event concerns
  int first_seconds = 0;               ///< that the first answer about events takes
};

/// The instance metadata service of Azure: scheduled events, which can be started by request, and as much of the rest
/// as Microsoft's client libraries ask for.
class SimulatedAzure final : public SimulatedService {
 public:
  using Options = SimulateAzureOptions;
  static constexpr const char* kName = "azure";

  SimulatedAzure(const Options& options, Emit emit) : SimulatedService(options, std::move(emit)), options_(options) {}

 private:
  ServerResponse route(const ServerRequest& request) override;
  [[nodiscard]] Json words_of(const GivenNotice& notice) const override;

  ServerResponse instance(const ServerRequest& request, const std::string& path) const;
  ServerResponse events();
  ServerResponse start_events(const std::string& body);
  [[nodiscard]] Json event_of(const GivenNotice& notice);

  Options options_;
  std::mutex events_mutex_;
  bool first_asked_ = false;
  std::set<int> approved_;  ///< numbers of notices whose events were started by request
  int incarnation_ = 1;
  std::string last_events_ = "[]";
};

}  // namespace spotctl
