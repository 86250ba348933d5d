#include "engine/cpu/updater.h"

#include <cmath>
#include <string>

#include "base/simd.h"

// The rules are those of PyTorch, with their sources in src/engine/README.md, which
// writes them out. Every function below treats elements independently.

namespace spot {
namespace {

/// Values before and after a step: the same ones where it works in place.
struct Values {
  const float* before = nullptr;
  float* after = nullptr;
};

/// One range: parameters, gradients and the accumulators of the rule.
struct Range {
  Values parameter;
  const float* gradient;
  Values first;
  Values second;
  std::size_t size;
};

SPOT_SIMD void sgd(const Range& range, float learning_rate, float decay) {
  const auto [p, p_after] = range.parameter;
  SPOT_EACH_ALONE for (std::size_t i = 0; i < range.size; ++i) {
    p_after[i] = p[i] - learning_rate * (range.gradient[i] + decay * p[i]);
  }
}

SPOT_SIMD void sgd_momentum(const Range& range, float learning_rate, float decay, float momentum) {
  const auto [p, p_after] = range.parameter;
  const auto [velocity, velocity_after] = range.first;
  SPOT_EACH_ALONE for (std::size_t i = 0; i < range.size; ++i) {
    const float moved = momentum * velocity[i] + (range.gradient[i] + decay * p[i]);
    velocity_after[i] = moved;
    p_after[i] = p[i] - learning_rate * moved;
  }
}

SPOT_SIMD void sgd_nesterov(const Range& range, float learning_rate, float decay, float momentum) {
  const auto [p, p_after] = range.parameter;
  const auto [velocity, velocity_after] = range.first;
  SPOT_EACH_ALONE for (std::size_t i = 0; i < range.size; ++i) {
    const float gradient = range.gradient[i] + decay * p[i];
    const float moved = momentum * velocity[i] + gradient;
    velocity_after[i] = moved;
    p_after[i] = p[i] - learning_rate * (gradient + momentum * moved);
  }
}

struct AdamTerms {
  float beta1, beta2, epsilon;
  float step_size;            ///< learning rate / (1 - beta1^t)
  float inverse_root_second;  ///< 1 / sqrt(1 - beta2^t)
  float decay;                ///< added to the gradient
  float shrink;               ///< parameters are multiplied by it first
};

SPOT_SIMD void adam(const Range& range, const AdamTerms& terms) {
  const auto [p, p_after] = range.parameter;
  const auto [m, m_after] = range.first;
  const auto [v, v_after] = range.second;
  SPOT_EACH_ALONE for (std::size_t i = 0; i < range.size; ++i) {
    const float parameter = p[i] * terms.shrink;
    const float gradient = range.gradient[i] + terms.decay * parameter;
    const float first = terms.beta1 * m[i] + (1.0F - terms.beta1) * gradient;
    const float second = terms.beta2 * v[i] + (1.0F - terms.beta2) * (gradient * gradient);
    m_after[i] = first;
    v_after[i] = second;
    const float divisor = __builtin_sqrtf(second) * terms.inverse_root_second + terms.epsilon;
    p_after[i] = parameter - terms.step_size * (first / divisor);
  }
}

SPOT_SIMD void adadelta(const Range& range, float learning_rate, float decay, float rho, float epsilon) {
  const auto [p, p_after] = range.parameter;
  const auto [square, square_after] = range.first;
  const auto [delta_square, delta_square_after] = range.second;
  SPOT_EACH_ALONE for (std::size_t i = 0; i < range.size; ++i) {
    const float gradient = range.gradient[i] + decay * p[i];
    const float mean = rho * square[i] + (1.0F - rho) * (gradient * gradient);
    square_after[i] = mean;
    const float delta = __builtin_sqrtf(delta_square[i] + epsilon) / __builtin_sqrtf(mean + epsilon) * gradient;
    delta_square_after[i] = rho * delta_square[i] + (1.0F - rho) * (delta * delta);
    p_after[i] = p[i] - learning_rate * delta;
  }
}

SPOT_SIMD void rmsprop(const Range& range, float learning_rate, float decay, float rho, float epsilon) {
  const auto [p, p_after] = range.parameter;
  const auto [square, square_after] = range.first;
  SPOT_EACH_ALONE for (std::size_t i = 0; i < range.size; ++i) {
    const float gradient = range.gradient[i] + decay * p[i];
    const float mean = rho * square[i] + (1.0F - rho) * (gradient * gradient);
    square_after[i] = mean;
    p_after[i] = p[i] - learning_rate * (gradient / (__builtin_sqrtf(mean) + epsilon));
  }
}

}  // namespace

Updater::Updater(const OptimizerSpec& optimizer, const StateLayout& layout, const StateArenas& state,
                 const float* gradients)
    : optimizer_(optimizer), state_(state), gradients_(gradients) {
  // The first accumulator of the first parameter begins the first block, and so on.
  const std::string& first_parameter = layout.tensors().front().name;
  for (const TensorSpec& tensor : layout.tensors()) {
    if (tensor.role == TensorRole::kAccumulator && tensor.name.starts_with(first_parameter + "/")) {
      accumulators_[accumulator_count_++] = tensor.offset;
    }
  }
}

void Updater::begin_step(std::uint64_t step) {
  const auto t = static_cast<double>(step + 1);
  first_correction_ = static_cast<float>(1.0 - std::pow(optimizer_.beta1, t));
  second_correction_ = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(optimizer_.beta2, t)));
}

void Updater::update(std::size_t offset, std::size_t size, float learning_rate) const {
  const auto values = [&](std::size_t first) { return Values{state_.now() + first, state_.next() + first}; };
  const auto accumulator = [&](std::size_t i) {
    return i < accumulator_count_ ? values(accumulators_[i] + offset) : Values{};
  };
  const Range range = {values(offset), gradients_ + offset, accumulator(0), accumulator(1), size};
  const auto decay = static_cast<float>(optimizer_.weight_decay);
  const auto momentum = static_cast<float>(optimizer_.momentum);
  const auto rho = static_cast<float>(optimizer_.rho);
  const auto epsilon = static_cast<float>(optimizer_.epsilon);
  switch (optimizer_.kind) {
    case OptimizerKind::kSgd:
      if (accumulator_count_ == 0) return sgd(range, learning_rate, decay);
      if (optimizer_.nesterov) return sgd_nesterov(range, learning_rate, decay, momentum);
      return sgd_momentum(range, learning_rate, decay, momentum);
    case OptimizerKind::kAdam:
    case OptimizerKind::kAdamW: {
      const bool decoupled = optimizer_.kind == OptimizerKind::kAdamW;
      return adam(range, {.beta1 = static_cast<float>(optimizer_.beta1),
                          .beta2 = static_cast<float>(optimizer_.beta2),
                          .epsilon = epsilon,
                          .step_size = learning_rate / first_correction_,
                          .inverse_root_second = second_correction_,
                          .decay = decoupled ? 0.0F : decay,
                          .shrink = decoupled ? 1.0F - learning_rate * decay : 1.0F});
    }
    case OptimizerKind::kAdadelta: return adadelta(range, learning_rate, decay, rho, epsilon);
    case OptimizerKind::kRmsprop: return rmsprop(range, learning_rate, decay, rho, epsilon);
  }
}

}  // namespace spot
