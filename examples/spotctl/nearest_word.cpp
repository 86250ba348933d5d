#include "nearest_word.h"

#include <algorithm>
#include <cctype>

namespace spotctl {
namespace {

constexpr std::size_t kLongestWord = 64;  // what is typed may be any text

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const std::size_t replaced = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replaced});
      const bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (exchanged) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string nearest_word(const std::string& as_typed, const std::vector<std::string>& words) {
  if (as_typed.empty() || as_typed.size() > kLongestWord) return "";
  const std::string typed = lower(as_typed);
  std::vector<std::string> begun;
  std::string nearest;
  std::size_t smallest = std::max<std::size_t>(1, typed.size() / 3) + 1;
  for (const std::string& word : words) {
    const std::size_t distance = edit_distance(typed, lower(word));
    if (distance < smallest) nearest = word;
    smallest = std::min(smallest, distance);
    if (lower(word).compare(0, typed.size(), typed) == 0) begun.push_back(word);
  }
  const bool is_beginning = typed.size() >= 3 && (begun.size() == 1 || (!begun.empty() && nearest.empty()));
  return is_beginning ? begun.front() : nearest;
}

}  // namespace spotctl
