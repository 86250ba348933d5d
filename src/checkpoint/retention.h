#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace spot {

/// What is kept of a run's checkpoints: whatever one of these rules keeps.
struct Retention {
  std::uint64_t keep_last = 3;   ///< newest ones, at least 2
  std::uint64_t keep_best = 1;   ///< most accurate ones
  std::uint64_t keep_every = 0;  ///< those at multiples of so many steps; 0: none
};

/// A whole checkpoint of the run.
struct RetentionCandidate {
  std::string name;
  std::uint64_t step = 0;
  double accuracy = 0;  ///< of the state in it; NaN: not measured
};

/// Names of those that no rule keeps. `candidates` are in order of age, newest first.
std::vector<std::string> superseded(std::span<const RetentionCandidate> candidates, const Retention& retention);

}  // namespace spot
