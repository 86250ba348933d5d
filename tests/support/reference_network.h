#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/model_spec.h"

/// An independent forward pass in double, by the plainest loops: what the engines are compared with. It shares
/// no code with them but the model's description and the random words of dropout.
namespace reference {

/// One batch: values as the network sees them, [sample][row][column][channel], and labels.
struct Batch {
  std::vector<double> pixels;
  std::vector<std::uint8_t> labels;
};

/// Mean cross-entropy of the batch in training mode, with the dropout masks of (seed, step). `state` is laid out
/// by `layout`.
double training_loss(const spot::ModelSpec& model, const spot::StateLayout& layout, std::span<const double> state,
                     const Batch& batch, std::uint64_t seed, std::uint64_t step);

/// Central difference of that loss by one value of the state. Where a kink (ReLU, maximum) lies between the two points
/// the two one-sided differences disagree: NaN then.
double difference_quotient(const spot::ModelSpec& model, const spot::StateLayout& layout, std::vector<double> state,
                           std::size_t i, const Batch& batch, std::uint64_t seed, std::uint64_t step);

/// One optimizer step in double on parameters and accumulators, given the gradients of the parameters.
/// `step` counts the steps done before.
void update(const spot::OptimizerSpec& optimizer, const spot::StateLayout& layout, std::span<double> state,
            std::span<const double> gradients, std::uint64_t step, double learning_rate);

}  // namespace reference
