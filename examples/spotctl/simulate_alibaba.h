#pragma once

#include <string>

#include "simulated_service.h"
#include "simulated_tokens.h"

namespace spotctl {

/// A rehearsal of one preemptible ECS instance's metadata.
struct SimulateAlibabaOptions : SimulateOptions, SimulateTokenOptions {
  double notice_seconds = 300;  ///< from the notice to the stated time
  std::string time = "utc";     ///< how that is written, as time_in_form() does
};

/// The metadata service of Alibaba Cloud's ECS: tokens, and as much of the tree as its client libraries ask for.
class SimulatedAlibaba final : public SimulatedService {
 public:
  using Options = SimulateAlibabaOptions;
  static constexpr const char* kName = "alibaba";

  SimulatedAlibaba(const Options& options, Emit emit)
      : SimulatedService(options, std::move(emit)),
        options_(options),
        tokens_("x-aliyun-ecs-metadata-token", options.token_ttl) {}

 private:
  ServerResponse route(const ServerRequest& request) override;
  [[nodiscard]] std::string fault_of(const ServerRequest& request, const std::string& fault) const override;
  [[nodiscard]] Json words_of(const GivenNotice& notice) const override;

  [[nodiscard]] std::string stated_time(const GivenNotice& notice) const;

  Options options_;
  SimulatedTokens tokens_;
};

}  // namespace spotctl
