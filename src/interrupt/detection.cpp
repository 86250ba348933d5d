#include "interrupt/detection.h"

#include <exception>
#include <filesystem>
#include <functional>
#include <new>
#include <thread>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "base/thread.h"
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

/// What one service answered.
struct Probe {
  bool answers = false;
  std::string why = "out of memory";  ///< why it did not

  void ask(Source& source) noexcept {
    try {
      why = source.probe();
      answers = why.empty();
    } catch (const std::bad_alloc&) {
    } catch (const std::exception& error) {
      note(error);
    }
  }

 private:
  void note(const std::exception& error) noexcept {
    try {
      why = error.what();
    } catch (const std::bad_alloc&) {
    }
  }
};

/// Threads that have ended when it goes out of scope.
class Threads {
 public:
  explicit Threads(std::size_t count) { threads_.reserve(count); }
  ~Threads() {
    for (std::thread& thread : threads_) thread.join();
  }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  void start(const char* name, std::function<void()> body) { threads_.push_back(start_thread(name, std::move(body))); }

 private:
  std::vector<std::thread> threads_;
};

class DetectingSource final : public Source {
 public:
  struct Candidate {
    const Provider* provider;
    std::unique_ptr<Source> source;
  };

  /// `left_out`: who is not to be asked, and why, as the end of a sentence about those who do not answer.
  DetectingSource(std::vector<Candidate> candidates, std::string left_out, const DmiText& dmi, Log log)
      : candidates_(std::move(candidates)), left_out_(std::move(left_out)), log_(std::move(log)) {
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
    return chosen_ == nullptr ? Source::longest_period() : chosen_->longest_period();
  }

 private:
  /// Asks all services together. Empty when one answered, else why none did.
  std::string detect() {
    std::vector<Probe> probes(candidates_.size());
    {
      Threads threads(probes.size());
      for (std::size_t i = 0; i < probes.size(); ++i) {
        threads.start("spot-probe", [&probe = probes[i], &source = *candidates_[i].source] { probe.ask(source); });
      }
    }
    std::string unknown = cat("no cloud's metadata service was found", left_out_);
    for (std::size_t i = 0; i < probes.size(); ++i) {
      if (probes[i].answers) {
        choose(candidates_[i], "its metadata service answers");
        return {};
      }
      unknown += cat("; ", candidates_[i].provider->name, ": ", probes[i].why);
    }
    return unknown;
  }

  void choose(const Candidate& candidate, const char* why) {
    chosen_ = candidate.source.get();
    log_.info(cat("metadata auto: this machine belongs to ", candidate.provider->name, ": ", why));
  }

  std::vector<Candidate> candidates_;
  std::string left_out_;
  Source* chosen_ = nullptr;
  Log log_;
};

}  // namespace

std::unique_ptr<Source> make_detecting_source(const PollerOptions& options, const Log& log, std::string& why) {
  // Whoever is at an endpoint that was given is known by his answers alone.
  const DmiText dmi = options.endpoint.empty() ? dmi_texts(options.dmi_folder) : [](std::string_view) { return ""; };
  std::vector<DetectingSource::Candidate> candidates;
  std::string left_out;
  for (const Provider* provider : providers()) {
    const std::string forbidden = provider->forbidden();
    if (!forbidden.empty() && options.endpoint.empty()) {
      if (provider->made(dmi)) {
        why = forbidden;
        return nullptr;
      }
      left_out += cat("; ", provider->name, ": ", forbidden);
      continue;
    }
    if (!forbidden.empty()) log.warning(cat("metadata_endpoint is given, so it is asked although ", forbidden));
    candidates.push_back({provider, provider->make(options)});
  }
  return std::make_unique<DetectingSource>(std::move(candidates), std::move(left_out), dmi, log);
}

}  // namespace spot
