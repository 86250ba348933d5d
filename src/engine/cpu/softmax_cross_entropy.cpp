#include "engine/cpu/softmax_cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace spot {
namespace {

/// The logarithm of the sum of exponentials, shifted by the largest logit so that none overflows.
double log_sum_exp(const float* logits, std::size_t classes) {
  const double largest = *std::max_element(logits, logits + classes);
  double sum = 0;
  for (std::size_t i = 0; i < classes; ++i) sum += std::exp(logits[i] - largest);
  return largest + std::log(sum);
}

}  // namespace

SoftmaxCrossEntropy::SoftmaxCrossEntropy(Edge& logits, std::size_t batch_rows)
    : logits_(logits), losses_(batch_rows), correct_(batch_rows) {}

void SoftmaxCrossEntropy::evaluate(const ShardTask& task, const std::uint8_t* labels, bool training) {
  const std::size_t count = classes();
  for (std::size_t i = 0; i < task.count; ++i) {
    const std::size_t sample = task.first + i;
    const float* logits = logits_.value(task) + i * count;
    const std::size_t label = labels[sample];
    const double normaliser = log_sum_exp(logits, count);
    losses_[sample] = normaliser - logits[label];
    correct_[sample] = std::max_element(logits, logits + count) == logits + label ? std::uint8_t{1} : std::uint8_t{0};
    if (!training) continue;
    float* differences = logits_.difference(task) + i * count;
    for (std::size_t c = 0; c < count; ++c) {
      const double probability = std::exp(logits[c] - normaliser);
      differences[c] = static_cast<float>((probability - (c == label ? 1.0 : 0.0)) / static_cast<double>(task.batch));
    }
  }
  if (training) {
    float* rows = logits_.difference(task);
    std::fill(rows + task.count * count, rows + logits_.shard_size() * count, 0.0F);
  }
}

void SoftmaxCrossEntropy::predict(const ShardTask& task, float* probabilities) {
  const std::size_t count = classes();
  for (std::size_t i = 0; i < task.count; ++i) {
    const float* logits = logits_.value(task) + i * count;
    const double normaliser = log_sum_exp(logits, count);
    float* row = probabilities + (task.first + i) * count;
    for (std::size_t c = 0; c < count; ++c) {
      row[c] = static_cast<float>(std::exp(logits[c] - normaliser));
    }
  }
}

double SoftmaxCrossEntropy::loss_sum(std::size_t batch) const {
  return std::accumulate(losses_.begin(), losses_.begin() + static_cast<std::ptrdiff_t>(batch), 0.0);
}

std::int64_t SoftmaxCrossEntropy::correct(std::size_t batch) const {
  return std::accumulate(correct_.begin(), correct_.begin() + static_cast<std::ptrdiff_t>(batch), std::int64_t{0});
}

}  // namespace spot
