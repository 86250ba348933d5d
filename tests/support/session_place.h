#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/file.h"
#include "base/status.h"
#include "base/text.h"
#include "session/run.h"
#include "support/failure.h"
#include "support/small_dataset.h"
#include "support/softmax_engine.h"
#include "support/temporary_directory.h"
#include "support/text.h"

// What tests of sessions share.

namespace spot::test {

namespace fs = std::filesystem;

/// A folder with a dataset of 10 steps an epoch, and any number of volumes.
class Place {
 public:
  Place() { SmallDataset::write(directory_ / "data", 150, 40); }

  [[nodiscard]] Config config(const std::string& volume) const {
    fs::create_directories(directory_ / volume);
    Config config;
    config.set_text("dataset", (directory_ / "data").string());
    config.set_text("volume", (directory_ / volume).string());
    config.set_text("model", "mlp");
    config.set_text("metadata", "none");
    config.set_text("run_id", "r1");
    config.set_integer("batch_size", 16);
    config.set_integer("epochs", 3);
    config.set_integer("checkpoint_seconds", 0);
    config.set_real("learning_rate", 0.05);
    return config;
  }
  fs::path operator/(const std::string& name) const { return directory_ / name; }

 private:
  TemporaryDirectory directory_;
};

inline std::unique_ptr<Session> open(const Config& config, Log log = {}, Backend backend = softmax_backend()) {
  return std::make_unique<Session>(config, std::span(&backend, 1), system_clock(), std::move(log));
}

inline std::unique_ptr<Poller> quiet_poller() {
  PollerOptions options;
  options.metadata = "none";
  return std::make_unique<Poller>(options, system_clock(), Log());
}

constexpr std::uint32_t bit(EventKind kind) {
  return static_cast<std::uint32_t>(kind);
}

inline std::string read(const fs::path& path) {
  return read_text_file(path, 1 << 20);
}

/// Every file below the folder, with its content.
inline std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    files[fs::relative(entry.path(), folder)] = entry.is_regular_file() ? read(entry.path()) : std::string("folder");
  }
  return files;
}

/// What a whole run leaves behind, for comparison.
struct Outcome {
  std::string state_hash;
  std::string epochs_csv;
  std::string steps_csv;
  bool operator==(const Outcome&) const = default;
};

inline Outcome outcome_of(const RunResult& result, const fs::path& volume) {
  return {result.state_hash, read(volume / "logs" / "r1.csv"), read(volume / "logs" / "r1.steps.csv")};
}

}  // namespace spot::test
