#include "engine/cpu/updater.h"

#include <cmath>
#include <string>

#include "base/simd.h"

// The rules are those of PyTorch, with their sources in src/engine/README.md, which
// writes them out. Every function below treats elements independently.

namespace spot {
namespace {

/// One range: parameters, gradients and the accumulators of the rule.
struct Range {
  float* parameter;
  const float* gradient;
  float* first;
  float* second;
  std::size_t size;
};

SPOT_SIMD void sgd(const Range& range, float learning_rate, float decay) {
  float* p = range.parameter;
  for (std::size_t i = 0; i < range.size; ++i) {
    p[i] -= learning_rate * (range.gradient[i] + decay * p[i]);
  }
}

SPOT_SIMD void sgd_momentum(const Range& range, float learning_rate, float decay, float momentum) {
  float *p = range.parameter, *velocity = range.first;
  for (std::size_t i = 0; i < range.size; ++i) {
    velocity[i] = momentum * velocity[i] + (range.gradient[i] + decay * p[i]);
    p[i] -= learning_rate * velocity[i];
  }
}

SPOT_SIMD void sgd_nesterov(const Range& range, float learning_rate, float decay, float momentum) {
  float *p = range.parameter, *velocity = range.first;
  for (std::size_t i = 0; i < range.size; ++i) {
    const float gradient = range.gradient[i] + decay * p[i];
    velocity[i] = momentum * velocity[i] + gradient;
    p[i] -= learning_rate * (gradient + momentum * velocity[i]);
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
  float *p = range.parameter, *m = range.first, *v = range.second;
  for (std::size_t i = 0; i < range.size; ++i) {
    const float parameter = p[i] * terms.shrink;
    const float gradient = range.gradient[i] + terms.decay * parameter;
    m[i] = terms.beta1 * m[i] + (1.0F - terms.beta1) * gradient;
    v[i] = terms.beta2 * v[i] + (1.0F - terms.beta2) * (gradient * gradient);
    const float divisor = __builtin_sqrtf(v[i]) * terms.inverse_root_second + terms.epsilon;
    p[i] = parameter - terms.step_size * (m[i] / divisor);
  }
}

SPOT_SIMD void adadelta(const Range& range, float learning_rate, float decay, float rho, float epsilon) {
  float *p = range.parameter, *square = range.first, *delta_square = range.second;
  for (std::size_t i = 0; i < range.size; ++i) {
    const float gradient = range.gradient[i] + decay * p[i];
    square[i] = rho * square[i] + (1.0F - rho) * (gradient * gradient);
    const float delta = __builtin_sqrtf(delta_square[i] + epsilon) / __builtin_sqrtf(square[i] + epsilon) * gradient;
    delta_square[i] = rho * delta_square[i] + (1.0F - rho) * (delta * delta);
    p[i] -= learning_rate * delta;
  }
}

SPOT_SIMD void rmsprop(const Range& range, float learning_rate, float decay, float rho, float epsilon) {
  float *p = range.parameter, *square = range.first;
  for (std::size_t i = 0; i < range.size; ++i) {
    const float gradient = range.gradient[i] + decay * p[i];
    square[i] = rho * square[i] + (1.0F - rho) * (gradient * gradient);
    p[i] -= learning_rate * (gradient / (__builtin_sqrtf(square[i]) + epsilon));
  }
}

}  // namespace

Updater::Updater(const OptimizerSpec& optimizer, const StateLayout& layout, float* state, const float* gradients)
    : optimizer_(optimizer), state_(state), gradients_(gradients) {
  // The first accumulator of the first parameter begins the first block, and so on.
  const std::string& first_parameter = layout.tensors().front().name;
  for (const TensorSpec& tensor : layout.tensors()) {
    if (tensor.role != TensorRole::kAccumulator || !tensor.name.starts_with(first_parameter + "/")) {
      continue;
    }
    (first_ == nullptr ? first_ : second_) = state + tensor.offset;
  }
}

void Updater::begin_step(std::uint64_t step) {
  const auto t = static_cast<double>(step + 1);
  first_correction_ = static_cast<float>(1.0 - std::pow(optimizer_.beta1, t));
  second_correction_ = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(optimizer_.beta2, t)));
}

void Updater::update(std::size_t offset, std::size_t size, float learning_rate) const {
  const Range range = {state_ + offset, gradients_ + offset, first_ == nullptr ? nullptr : first_ + offset,
                       second_ == nullptr ? nullptr : second_ + offset, size};
  const auto decay = static_cast<float>(optimizer_.weight_decay);
  const auto momentum = static_cast<float>(optimizer_.momentum);
  const auto rho = static_cast<float>(optimizer_.rho);
  const auto epsilon = static_cast<float>(optimizer_.epsilon);
  switch (optimizer_.kind) {
    case OptimizerKind::kSgd:
      if (first_ == nullptr) return sgd(range, learning_rate, decay);
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
