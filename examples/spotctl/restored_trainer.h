#pragma once

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "configuration.h"
#include "library.h"

namespace spotctl {

/// The checkpoint that a command uses: --checkpoint FILE, or the newest good one of --volume. Model and everything else
/// comes from it; the flags may change where the dataset lies, and where it is computed. Nothing is written to a
/// volume.
class RestoredTrainer {
 public:
  explicit RestoredTrainer(CLI::App& command);
  /// For prediction; needs no dataset.
  [[nodiscard]] Model open_model() const;
  /// In the state of the checkpoint, with its dataset.
  [[nodiscard]] Trainer open_trainer() const;

 private:
  [[nodiscard]] std::string path(const Config& given) const;

  std::shared_ptr<std::string> checkpoint_ = std::make_shared<std::string>();
  Configuration configuration_;
};

}  // namespace spotctl
