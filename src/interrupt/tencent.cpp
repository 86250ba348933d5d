#include "interrupt/tencent.h"

#include <utility>

#include "base/text.h"
#include "interrupt/metadata_client.h"
#include "interrupt/rfc3339.h"

namespace spot {
namespace {

constexpr std::chrono::seconds kNotice{120};
constexpr std::string_view kGroup = "spot";
constexpr const char* kPath = "/latest/meta-data/spot/termination-time";
constexpr const char* kImagePath = "/latest/meta-data/instance/image-id";

class TencentSource final : public Source {
 public:
  explicit TencentSource(std::string endpoint) : client_(std::move(endpoint)) {}

  Observation look() override {
    return observation_of(client_.ask({.path = kPath}), kPath, kGroup, parse_tencent_termination_time);
  }

  std::string probe() override {
    const MetadataAnswer answer = client_.ask_known({.path = kImagePath});
    if (!answer.body) return answer.unknown;
    return answer.body->starts_with("img-") ? "" : unreadable(kImagePath, *answer.body);
  }

  void cancel() override { client_.cancel(); }
  [[nodiscard]] std::string_view name() const override { return kTencent.name; }

 private:
  MetadataClient client_;
};

bool made_by_tencent(const DmiText& dmi) {
  return dmi("sys_vendor") == "Tencent Cloud";
}

std::unique_ptr<Source> make_tencent(const PollerOptions& options) {
  return std::make_unique<TencentSource>(endpoint_of(options, "", "", "http://metadata.tencentyun.com"));
}

}  // namespace

const Provider kTencent = {
    .name = "tencent", .made = made_by_tencent, .forbidden = [] { return std::string(); }, .make = make_tencent};

std::optional<Sighting> parse_tencent_termination_time(std::string_view body) {
  const std::string_view time = trim(body);
  const auto stated = parse_rfc3339(time);
  // The guide shows times without a zone, "2018-08-18 12:05:33", and calls them UTC in one place and UTC+8 in another.
  // Such a time is a notice, but when it ends is not taken from it: eight hours off, it would pass for one left over.
  if (!stated && !parse_rfc3339(cat(time, "Z"))) return std::nullopt;
  return Sighting{.source = "tencent-termination-time",
                  .group = kGroup,
                  .action = NoticeAction::kTerminate,
                  .detail = cat("taken back at ", time),
                  .stated_ns = stated,
                  .notice = kNotice};
}

}  // namespace spot
