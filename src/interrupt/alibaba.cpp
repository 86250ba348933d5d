#include "interrupt/alibaba.h"

#include <utility>

#include "base/text.h"
#include "interrupt/rfc3339.h"
#include "interrupt/token_client.h"

namespace spot {
namespace {

constexpr std::chrono::seconds kNotice{300};
constexpr std::string_view kGroup = "spot";
constexpr const char* kPath = "/latest/meta-data/instance/spot/termination-time";

constexpr TokenDialect kTokens = {
    .header = "X-aliyun-ecs-metadata-token",
    .unanswered =
        "the metadata service takes the request for one but does not answer it: use the host's network, or set "
        "metadata_v1=true",
    .disabled =
        "the metadata service refuses this instance (HTTP status 403): switch its metadata access on in the "
        "console (MetadataOptions, HttpEndpoint), or set metadata=none",
    .required = "the metadata service requires a session token (HTTP status 401) but gives none"};

class AlibabaSource final : public Source {
 public:
  AlibabaSource(std::string endpoint, bool may_do_without) : client_(std::move(endpoint), kTokens, may_do_without) {}

  Observation look() override {
    return observation_of(client_.ask(kPath), kPath, kGroup, parse_alibaba_termination_time);
  }
  std::string probe() override { return client_.probe("/latest/meta-data/region-id"); }
  void cancel() override { client_.cancel(); }
  [[nodiscard]] std::string_view name() const override { return kAlibaba.name; }

 private:
  TokenClient client_;
};

bool made_by_alibaba(const DmiText& dmi) {
  return dmi("sys_vendor") == "Alibaba Cloud" || dmi("product_name") == "Alibaba Cloud ECS";
}

std::unique_ptr<Source> make_alibaba(const PollerOptions& options) {
  return std::make_unique<AlibabaSource>(endpoint_of(options, "", "", "http://100.100.100.200"), options.metadata_v1);
}

}  // namespace

const Provider kAlibaba = {
    .name = "alibaba", .made = made_by_alibaba, .forbidden = [] { return std::string(); }, .make = make_alibaba};

std::optional<Sighting> parse_alibaba_termination_time(std::string_view body) {
  const auto stated = parse_rfc3339(trim(body));
  if (!stated) return std::nullopt;
  return Sighting{.source = "alibaba-termination-time",
                  .group = kGroup,
                  .action = NoticeAction::kTerminate,
                  .detail = cat("release at ", trim(body)),
                  .stated_ns = stated,
                  .notice = kNotice};
}

}  // namespace spot
