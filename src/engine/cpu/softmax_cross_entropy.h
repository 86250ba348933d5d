#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/cpu/edge.h"

namespace spot {

/// The head of every model: softmax over the logits and its cross-entropy with the labels, averaged over the
/// batch. The difference of logit c is (probability_c - [c is the label]) / batch.
class SoftmaxCrossEntropy {
 public:
  SoftmaxCrossEntropy(Edge& logits, std::size_t batch_rows);

  /// Losses, hits and, when training, differences of the shard's samples; labels[i] belongs to sample i of
  /// the batch.
  void evaluate(const ShardTask& task, const std::uint8_t* labels, bool training);
  /// Writes the probabilities of the shard's samples, [sample of the batch][class].
  void predict(const ShardTask& task, float* probabilities);

  [[nodiscard]] double loss_sum(std::size_t batch) const;
  [[nodiscard]] std::int64_t correct(std::size_t batch) const;

 private:
  [[nodiscard]] std::size_t classes() const { return static_cast<std::size_t>(logits_.shape().channels); }

  Edge& logits_;
  std::vector<double> losses_;         // [sample of the batch]
  std::vector<std::uint8_t> correct_;  // likewise, 0 or 1
};

}  // namespace spot
