#include "checkpoint/retention.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace spot {
namespace {

/// Which of the candidates are the `count` best ones; of equally good ones the newest.
std::vector<bool> best_of(std::span<const RetentionCandidate> candidates, std::uint64_t count) {
  std::vector<std::size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t i) { return std::isnan(candidates[i].accuracy); });
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return candidates[a].accuracy > candidates[b].accuracy; });
  order.resize(std::min<std::size_t>(order.size(), count));
  std::vector<bool> best(candidates.size());
  for (const std::size_t i : order) best[i] = true;
  return best;
}

}  // namespace

std::vector<std::string> superseded(std::span<const RetentionCandidate> candidates, const Retention& retention) {
  const std::vector<bool> best = best_of(candidates, retention.keep_best);
  std::vector<std::string> names;
  for (std::size_t i = retention.keep_last; i < candidates.size(); ++i) {
    const RetentionCandidate& candidate = candidates[i];
    const bool is_milestone = retention.keep_every != 0 && candidate.step % retention.keep_every == 0;
    if (!best[i] && !is_milestone) names.push_back(candidate.name);
  }
  return names;
}

}  // namespace spot
