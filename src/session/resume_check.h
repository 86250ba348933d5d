#pragma once

#include <string>
#include <vector>

#include "base/config.h"
#include "checkpoint/checkpoint.h"
#include "data/dataset.h"
#include "engine/engine.h"

namespace spot {

/// What a process is about to compute, to be held against a checkpoint.
struct PresentRun {
  const Config& config;
  const ModelSpec& model;
  const Dataset& dataset;
  const Engine& engine;
  std::string code_version;
  std::string library_version;
};

/// Decides whether the run of a checkpoint can go on as the present run. Values that have the same effect are the same:
/// 0 and the customary value that it stands for, keys that the optimizer does not use, names of models. Throws
/// kMismatch with everything that differs, by name, as "old -> new", and what to do about it. Returns what is allowed
/// to differ but should be reported, one line each. With allow_config_change only what cannot be continued at all is
/// refused: another model. The checkpoint's values are then to be laid out by fit_state().
std::vector<std::string> check_resume(const Checkpoint& checkpoint, const PresentRun& present);

}  // namespace spot
