#pragma once

#include <string>

#include "simulated_service.h"

namespace spotctl {

/// A rehearsal of one CVM spot instance's metadata.
struct SimulateTencentOptions : SimulateOptions {
  double notice_seconds = 120;  ///< from the notice to the stated time
  std::string time = "utc";     ///< how that is written: as time_in_form() does; plain: without a zone
};

/// The metadata service of Tencent Cloud's CVM: as much of the tree as its client libraries ask for.
class SimulatedTencent final : public SimulatedService {
 public:
  using Options = SimulateTencentOptions;
  static constexpr const char* kName = "tencent";

  SimulatedTencent(const Options& options, Emit emit) : SimulatedService(options, std::move(emit)), options_(options) {}

 private:
  ServerResponse route(const ServerRequest& request) override;
  [[nodiscard]] Json words_of(const GivenNotice& notice) const override;

  [[nodiscard]] std::string stated_time(const GivenNotice& notice) const;

  Options options_;
};

}  // namespace spotctl
