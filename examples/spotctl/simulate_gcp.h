#pragma once

#include <optional>
#include <string>

#include "simulated_service.h"

namespace spotctl {

/// A rehearsal of one Spot VM's metadata server.
struct SimulateGcpOptions : SimulateOptions {
  double maintenance_after = -1;  ///< seconds until a maintenance event; negative: never
  std::string maintenance_event = "MIGRATE_ON_HOST_MAINTENANCE";
  std::string wait_fault;  ///< how the answers to requests that wait for a change are spoilt
};

/// The metadata server of Compute Engine: as much of the tree as Google's client libraries ask for, each value with
/// its ETag, and wait_for_change.
class SimulatedGcp final : public SimulatedService {
 public:
  using Options = SimulateGcpOptions;
  static constexpr const char* kName = "gcp";

  SimulatedGcp(const Options& options, Emit emit) : SimulatedService(options, std::move(emit)), options_(options) {}

 private:
  ServerResponse route(const ServerRequest& request) override;
  [[nodiscard]] std::string fault_of(const ServerRequest& request, const std::string& fault) const override;
  [[nodiscard]] Json words_of(const GivenNotice& notice) const override;

  ServerResponse metadata(const ServerRequest& request);
  /// The value at a path below /computeMetadata/v1/; nothing: there is none.
  std::optional<ServerResponse> value(const ServerRequest& request);

  Options options_;
};

}  // namespace spotctl
