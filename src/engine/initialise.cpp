#include <algorithm>
#include <cmath>

#include "base/philox.h"
#include "engine/model_spec.h"

namespace spot {
namespace {

/// Inputs and outputs of one unit: what Glorot's and He's variances are made of. A convolution's kernel cells
/// count each.
struct Fan {
  double in, out;
};

Fan fan_of(const TensorSpec& weight) {
  const auto outputs = static_cast<double>(weight.shape[0]);
  const auto inputs = static_cast<double>(weight.shape[1]);
  const double cells = static_cast<double>(weight.size) / (outputs * inputs);
  return {inputs * cells, outputs * cells};
}

/// Variance of the weights: 2 / (in + out), Glorot and Bengio, "Understanding the difficulty of training deep
/// feedforward neural networks" (2010); 2 / in, He et al., "Delving deep into rectifiers" (2015).
double variance_of(Initializer initializer, const Fan& fan) {
  const bool glorot = initializer == Initializer::kGlorotUniform || initializer == Initializer::kGlorotNormal;
  return glorot ? 2.0 / (fan.in + fan.out) : 2.0 / fan.in;
}

/// A normal number from 12 uniform ones would have no tails, and the usual transforms need logarithms whose
/// last bit differs between C libraries. Marsaglia's polar method needs one too; this one is computed here,
/// by sums and products alone: ln m + e ln 2 with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh((m-1)/(m+1)).
double portable_log(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < 0.70710678118654752) {
    mantissa *= 2;
    --exponent;
  }
  const double z = (mantissa - 1) / (mantissa + 1);
  double term = z, sum = 0;
  for (int k = 1; k < 40; k += 2) {
    sum += term / k;
    term *= z * z;
  }
  return 2 * sum + exponent * 0.69314718055994531;
}

double next_unit(RandomStream& stream) {
  return (stream.next_u32() + 0.5) * 0x1p-32;
}

/// Standard normal by Marsaglia's polar method (1964); one of its two numbers is used.
double next_normal(RandomStream& stream) {
  for (;;) {
    const double u = 2 * next_unit(stream) - 1;
    const double v = 2 * next_unit(stream) - 1;
    const double s = u * u + v * v;
    if (s < 1) return u * std::sqrt(-2 * portable_log(s) / s);
  }
}

void draw_weights(const TensorSpec& weight, Initializer initializer, RandomStream& stream, float* values) {
  const double deviation = std::sqrt(variance_of(initializer, fan_of(weight)));
  const bool uniform = initializer == Initializer::kGlorotUniform || initializer == Initializer::kHeUniform;
  const double limit = std::sqrt(3.0) * deviation;  // a uniform distribution's variance is limit^2 / 3
  for (std::size_t i = 0; i < weight.size; ++i) {
    values[i] = static_cast<float>(uniform ? (2 * next_unit(stream) - 1) * limit : next_normal(stream) * deviation);
  }
}

}  // namespace

void initialise_state(const StateLayout& layout, Initializer initializer, std::uint64_t seed, std::span<float> state) {
  std::fill(state.begin(), state.end(), 0.0F);
  std::uint32_t index = 0;
  for (const TensorSpec& tensor : layout.tensors()) {
    float* values = state.data() + tensor.offset;
    if (tensor.role == TensorRole::kParameter && tensor.shape.size() > 1) {
      RandomStream stream(seed, RandomPurpose::kInitialisation, index);
      draw_weights(tensor, initializer, stream, values);
    } else if ((tensor.role == TensorRole::kParameter && tensor.name.ends_with(".scale")) ||
               (tensor.role == TensorRole::kStatistic && tensor.name.ends_with(".running_variance"))) {
      std::fill_n(values, tensor.size, 1.0F);
    }
    ++index;
  }
}

}  // namespace spot
