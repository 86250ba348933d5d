#include "interrupt/detection.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "interrupt/provider.h"

namespace spot {
namespace {

constexpr std::uint64_t kMaxDmiText = 4096;

DmiText dmi_texts(std::filesystem::path folder) {
  return [folder = std::move(folder)](std::string_view name) -> std::string {
    try {
      return std::string(trim(read_text_file(folder / name, kMaxDmiText)));
    } catch (const Error&) {  // there is none on this machine, or only the superuser may read it
      return {};
    }
  };
}

class DetectingSource final : public Source {
 public:
  struct Candidate {
    const Provider* provider;
    std::unique_ptr<Source> source;
  };

  DetectingSource(std::vector<Candidate> candidates, const DmiText& dmi, Log log)
      : candidates_(std::move(candidates)), log_(std::move(log)) {
    for (const Candidate& candidate : candidates_) {
      if (!candidate.provider->made(dmi)) continue;
      choose(candidate, "the machine's maker says so");
      return;
    }
  }

  Observation look() override {
    if (chosen_ == nullptr) {
      std::string unknown = detect();
      if (!unknown.empty()) return {.unknown = std::move(unknown)};
    }
    return chosen_->look();
  }

  void cancel() override {
    for (const Candidate& candidate : candidates_) candidate.source->cancel();
  }

  [[nodiscard]] std::string_view name() const override { return chosen_ == nullptr ? "" : chosen_->name(); }

  [[nodiscard]] std::chrono::nanoseconds longest_period() const override {
    std::chrono::nanoseconds period = std::chrono::hours(1);
    for (const Candidate& candidate : candidates_) period = std::min(period, candidate.source->longest_period());
    return period;
  }

 private:
  /// Empty when a service answered, else why none did.
  std::string detect() {
    std::string unknown = "no cloud's metadata service was found";
    for (const Candidate& candidate : candidates_) {
      const std::string why = candidate.source->probe();
      if (why.empty()) {
        choose(candidate, "its metadata service answers");
        return {};
      }
      unknown += cat("; ", candidate.provider->name, ": ", why);
    }
    return unknown;
  }

  void choose(const Candidate& candidate, const char* why) {
    chosen_ = candidate.source.get();
    log_.info(cat("metadata auto: this machine belongs to ", candidate.provider->name, ": ", why));
  }

  std::vector<Candidate> candidates_;
  Source* chosen_ = nullptr;
  Log log_;
};

}  // namespace

std::unique_ptr<Source> make_detecting_source(const PollerOptions& options, const Log& log, std::string& why) {
  std::vector<DetectingSource::Candidate> candidates;
  for (const Provider* provider : providers()) {
    const std::string forbidden = provider->forbidden();
    if (forbidden.empty() || !options.endpoint.empty()) {
      candidates.push_back({provider, provider->make(options)});
    }
    if (forbidden.empty()) continue;
    if (options.endpoint.empty()) {
      why += cat(why.empty() ? "" : "; ", forbidden);
    } else {
      log.warning(cat("metadata_endpoint is given, so it is asked although ", forbidden));
    }
  }
  if (candidates.empty()) return nullptr;
  return std::make_unique<DetectingSource>(std::move(candidates), dmi_texts(options.dmi_folder), log);
}

}  // namespace spot
