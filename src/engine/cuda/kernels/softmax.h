#pragma once

#include <cmath>
#include <cstdint>

#include "engine/cuda/kernels/bfloat16.h"
#include "engine/cuda/kernels/step_table.h"

namespace spot::cuda {

/// One sample's logits and what softmax cross-entropy makes of them. All is measured from the largest logit, so that
/// nothing overflows, and the label's term is kept apart, so that a small loss is not the difference of large numbers.
struct SoftmaxRow {
  const float* logits;
  const float* bias;
  std::uint32_t classes;
  std::uint32_t label;

  float largest = 0, others = 0, own = 0;
  std::uint32_t winner = 0;  ///< the first of the largest

  SPOT_DEVICE SoftmaxRow(const float* row, const float* biases, std::uint32_t count, std::uint32_t label_of_sample)
      : logits(row), bias(biases), classes(count), label(label_of_sample), largest(logit(0)) {
    for (std::uint32_t c = 1; c < classes; ++c) {
      if (logit(c) > largest) {
        largest = logit(c);
        winner = c;
      }
    }
    for (std::uint32_t c = 0; c < classes; ++c) {
      if (c == label) {
        own = term(c);
      } else {
        others += term(c);
      }
    }
  }

  [[nodiscard]] SPOT_DEVICE float logit(std::uint32_t c) const { return logits[c] + bias[c]; }
  [[nodiscard]] SPOT_DEVICE float term(std::uint32_t c) const { return std::exp(logit(c) - largest); }
  [[nodiscard]] SPOT_DEVICE float probability(std::uint32_t c) const { return term(c) / (others + own); }
  [[nodiscard]] SPOT_DEVICE float loss() const {
    return winner == label ? std::log1p(others / own) : largest - logit(label) + std::log(others + own);
  }
  /// The loss's derivative by a logit.
  [[nodiscard]] SPOT_DEVICE float difference(std::uint32_t c) const {
    return c == label ? -(others / (others + own)) : probability(c);
  }
};

/// Bias, softmax and cross-entropy: each sample's loss and hit, and the differences of the mean loss. Samples that a
/// smaller batch lacks have neither. A thread takes one sample.
template <typename T>
struct SoftmaxTraining {
  StepTable table;
  const float* logits;  ///< [sample][pitch], without bias
  const float* bias;
  std::uint32_t classes, pitch;
  T* differences;  ///< [sample][pitch]
  float* losses;
  std::uint32_t* correct;

  [[nodiscard]] std::uint64_t threads() const { return table.batch_size; }

  SPOT_DEVICE void operator()(std::uint64_t thread) const {
    const auto sample = static_cast<std::uint32_t>(thread);
    const StepInputs& inputs = table.inputs();
    T* row = differences + thread * pitch;
    const std::uint32_t count = sample < inputs.samples ? classes : 0;
    for (std::uint32_t c = count; c < pitch; ++c) set(row[c], 0.0F);
    losses[sample] = 0;
    correct[sample] = 0;
    if (count == 0) return;
    const SoftmaxRow softmax(logits + thread * pitch, bias, classes, inputs.labels[table.index(sample)]);
    losses[sample] = softmax.loss();
    correct[sample] = softmax.winner == softmax.label ? 1 : 0;
    for (std::uint32_t c = 0; c < classes; ++c) {
      set(row[c], softmax.difference(c) / static_cast<float>(inputs.samples));
    }
  }
};

/// The same without differences: probabilities and, where there are labels, losses and hits.
struct SoftmaxInference {
  StepTable table;
  const float* logits;
  const float* bias;
  std::uint32_t classes, pitch;
  float* probabilities;  ///< [sample][classes]
  float* losses;
  std::uint32_t* correct;

  [[nodiscard]] std::uint64_t threads() const { return table.batch_size; }

  SPOT_DEVICE void operator()(std::uint64_t thread) const {
    const auto sample = static_cast<std::uint32_t>(thread);
    const StepInputs& inputs = table.inputs();
    if (sample >= inputs.samples) return;
    const std::uint32_t label = inputs.labels != nullptr ? inputs.labels[table.index(sample)] : 0;
    const SoftmaxRow softmax(logits + thread * pitch, bias, classes, label);
    losses[sample] = softmax.loss();
    correct[sample] = softmax.winner == softmax.label ? 1 : 0;
    for (std::uint32_t c = 0; c < classes; ++c) probabilities[thread * classes + c] = softmax.probability(c);
  }
};

}  // namespace spot::cuda
