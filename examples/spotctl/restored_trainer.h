#pragma once

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "configuration.h"
#include "exit_code.h"
#include "library.h"

namespace spotctl {

/// A trainer in the state of a checkpoint, for commands that use a trained model: --checkpoint FILE, or the
/// newest good one of --volume. Model and everything else comes from the checkpoint; the flags may change where
/// the dataset lies.
class RestoredTrainer {
 public:
  explicit RestoredTrainer(CLI::App& command);
  [[nodiscard]] Trainer open() const;

 private:
  std::shared_ptr<std::string> checkpoint_ = std::make_shared<std::string>();
  Configuration configuration_;
};

}  // namespace spotctl
