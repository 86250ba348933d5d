#pragma once

#include <cmath>
#include <cstdint>

#include "engine/cuda/kernels/lanes.h"
#include "engine/cuda/kernels/step_table.h"
#include "engine/model_spec.h"

namespace spot::cuda {

/// An optimizer's numbers, rounded once.
struct OptimizerTerms {
  OptimizerKind kind;
  bool nesterov, has_velocity;
  float momentum, weight_decay, rho, beta1, beta2, epsilon;
};

/// One step of an optimizer on all parameters, by the rules in src/engine/README.md, in the CPU engine's order of
/// operations. Thread t takes groups t, t + threads(), …, and leaves the sum of the squares of their gradients.
struct Update {
  StepTable table;
  OptimizerTerms terms;
  std::uint64_t groups;  ///< of kLanes parameters
  float* parameters;
  const float* gradients;
  float* first;  ///< the optimizer's accumulators, as far as it has them
  float* second;
  Bfloat16* rounded;  ///< the parameters as the layers read them in bfloat16; null: they read float32
  double* squares;    ///< [thread]

  static constexpr std::uint64_t kRow = 1024, kMostThreads = 64 * kRow;

  /// A multiple of kRow, so that the squares are whole rows, which are summed first.
  [[nodiscard]] SPOT_DEVICE std::uint64_t threads() const {
    const std::uint64_t wanted = (groups + kRow - 1) / kRow * kRow;
    return wanted < kMostThreads ? wanted : kMostThreads;
  }

  SPOT_DEVICE void operator()(std::uint64_t thread) const {
    const StepInputs& inputs = table.inputs();
    double sum = 0;
    for (std::uint64_t group = thread; group < groups; group += threads()) {
      const std::uint64_t at = group * kLanes;
      Lanes p = load(parameters + at), m{}, s{};
      const Lanes g = load(gradients + at);
      if (first != nullptr) m = load(first + at);
      if (second != nullptr) s = load(second + at);
      for (std::uint32_t l = 0; l < kLanes; ++l) {
        sum += double{g[l]} * double{g[l]};
        apply(inputs, g[l], p[l], m[l], s[l]);
      }
      store(parameters + at, p);
      if (first != nullptr) store(first + at, m);
      if (second != nullptr) store(second + at, s);
      if (rounded != nullptr) store(rounded + at, p);
    }
    squares[thread] = sum;
  }

 private:
  SPOT_DEVICE void apply(const StepInputs& inputs, float g, float& p, float& m, float& s) const {
    switch (terms.kind) {
      case OptimizerKind::kSgd: return sgd(inputs.learning_rate, g + terms.weight_decay * p, p, m);
      case OptimizerKind::kAdam: return adam(inputs, g + terms.weight_decay * p, p, m, s);
      case OptimizerKind::kAdamW:
        p *= 1.0F - inputs.learning_rate * terms.weight_decay;
        return adam(inputs, g, p, m, s);
      case OptimizerKind::kAdadelta: return adadelta(inputs.learning_rate, g + terms.weight_decay * p, p, m, s);
      case OptimizerKind::kRmsprop: return rmsprop(inputs.learning_rate, g + terms.weight_decay * p, p, m);
    }
  }

  SPOT_DEVICE void sgd(float rate, float g, float& p, float& velocity) const {
    if (terms.has_velocity) {
      velocity = terms.momentum * velocity + g;
      g = terms.nesterov ? g + terms.momentum * velocity : velocity;
    }
    p -= rate * g;
  }

  SPOT_DEVICE void adam(const StepInputs& inputs, float g, float& p, float& moment, float& square) const {
    moment = terms.beta1 * moment + (1.0F - terms.beta1) * g;
    square = terms.beta2 * square + (1.0F - terms.beta2) * (g * g);
    const float divisor = std::sqrt(square) * inputs.second_correction + terms.epsilon;
    p -= inputs.learning_rate / inputs.first_correction * (moment / divisor);
  }

  SPOT_DEVICE void adadelta(float rate, float g, float& p, float& square, float& delta_square) const {
    square = terms.rho * square + (1.0F - terms.rho) * (g * g);
    const float delta = std::sqrt(delta_square + terms.epsilon) / std::sqrt(square + terms.epsilon) * g;
    delta_square = terms.rho * delta_square + (1.0F - terms.rho) * (delta * delta);
    p -= rate * delta;
  }

  SPOT_DEVICE void rmsprop(float rate, float g, float& p, float& square) const {
    square = terms.rho * square + (1.0F - terms.rho) * (g * g);
    p -= rate * (g / (std::sqrt(square) + terms.epsilon));
  }
};

/// What layers read of parameters that were written from outside.
struct RoundParameters {
  std::uint64_t groups;
  const float* parameters;
  Bfloat16* rounded;

  [[nodiscard]] std::uint64_t threads() const { return groups; }
  SPOT_DEVICE void operator()(std::uint64_t group) const {
    store(rounded + group * kLanes, load(parameters + group * kLanes));
  }
};

}  // namespace spot::cuda
