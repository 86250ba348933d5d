#pragma once

#include <optional>
#include <string>

#include "simulated_service.h"
#include "simulated_tokens.h"

namespace spotctl {

/// A rehearsal of one EC2 spot instance's metadata.
struct SimulateAwsOptions : SimulateOptions, SimulateTokenOptions {
  double notice_seconds = 120;  ///< from the notice to the stated time
  std::string action = "terminate";
  /// How its time is written: as time_in_form() does; number: as a JSON number; none: not at all.
  std::string time = "utc";
  std::optional<std::string> body;       ///< of spot/instance-action instead, while the notice lasts
  double rebalance_after = -1;           ///< seconds until the rebalance recommendation; negative: never
  double rebalance_again_after = -1;     ///< seconds until a second one, which states a time three hours later
  double maintenance_after = -1;         ///< seconds until maintenance is scheduled; negative: never
  double maintenance_cancel_after = -1;  ///< seconds until it is canceled; negative: never
  std::string maintenance_code = "instance-retirement";
};

/// The instance metadata service, version 2: session tokens, and as much of the tree as the AWS CLI and SDKs ask for.
class SimulatedAws final : public SimulatedService {
 public:
  using Options = SimulateAwsOptions;
  static constexpr const char* kName = "aws";

  SimulatedAws(const Options& options, Emit emit);

 private:
  ServerResponse route(const ServerRequest& request) override;
  [[nodiscard]] std::string fault_of(const ServerRequest& request, const std::string& fault) const override;
  [[nodiscard]] Json words_of(const GivenNotice& notice) const override;

  ServerResponse metadata(const std::string& path);
  [[nodiscard]] std::string stated_time(const GivenNotice& notice) const;
  [[nodiscard]] ServerResponse action(const GivenNotice& notice) const;
  [[nodiscard]] ServerResponse rebalance() const;
  [[nodiscard]] ServerResponse maintenance() const;

  Options options_;
  std::time_t started_ = std::time(nullptr);
  SimulatedTokens tokens_;
};

}  // namespace spotctl
