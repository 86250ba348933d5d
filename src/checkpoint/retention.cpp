#include "checkpoint/retention.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace spot {
namespace {

/// The lowest accuracy among the `count` best ones; more than any when there is none.
double bar_of_best(std::span<const RetentionCandidate> candidates, std::uint64_t count) {
  std::vector<double> accuracies;
  for (const RetentionCandidate& candidate : candidates) {
    if (!std::isnan(candidate.accuracy)) accuracies.push_back(candidate.accuracy);
  }
  std::sort(accuracies.begin(), accuracies.end(), std::greater<>());
  accuracies.resize(std::min<std::size_t>(accuracies.size(), count));
  return accuracies.empty() ? std::numeric_limits<double>::infinity() : accuracies.back();
}

}  // namespace

std::vector<std::string> superseded(std::span<const RetentionCandidate> candidates, const Retention& retention) {
  const double bar = bar_of_best(candidates, retention.keep_best);
  std::vector<std::string> names;
  for (std::size_t i = retention.keep_last; i < candidates.size(); ++i) {
    const RetentionCandidate& candidate = candidates[i];
    const bool is_best = candidate.accuracy >= bar;
    const bool is_milestone = retention.keep_every != 0 && candidate.step % retention.keep_every == 0;
    if (!is_best && !is_milestone) names.push_back(candidate.name);
  }
  return names;
}

}  // namespace spot
