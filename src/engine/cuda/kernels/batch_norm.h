#pragma once

#include <cmath>
#include <cstdint>

#include "engine/cuda/kernels/lanes.h"
#include "engine/cuda/kernels/step_table.h"

namespace spot::cuda {

/// Values as batch normalisation sees them: rows of features, `places` rows a sample.
struct FeatureRows {
  std::uint32_t samples, places;
  std::uint32_t features;  ///< a multiple of kLanes

  static constexpr std::uint32_t kChunk = 32;  ///< rows that one thread sums
  static constexpr std::uint32_t kAhead = 8;   ///< of them that it asks for before it needs the first; divides kChunk

  [[nodiscard]] SPOT_DEVICE std::uint32_t rows() const { return samples * places; }
  [[nodiscard]] SPOT_DEVICE std::uint32_t chunks() const { return (rows() + kChunk - 1) / kChunk; }
  /// Rows of the samples that the step has.
  [[nodiscard]] SPOT_DEVICE std::uint32_t present(const StepTable& table) const {
    return table.inputs().samples * places;
  }
};

/// How a feature is normalised.
struct Moments {
  float* mean;  ///< [feature]
  float* inverse_deviation;
};

/// Sums of chunks of the batch's values and of their squares, [chunk][2][feature].
template <typename T>
struct BatchNormSums {
  StepTable table;
  FeatureRows shape;
  const T* values;
  double* sums;

  [[nodiscard]] std::uint64_t threads() const { return std::uint64_t{shape.chunks()} * shape.features; }

  SPOT_DEVICE void operator()(std::uint64_t thread) const {
    const auto i = static_cast<std::uint32_t>(thread);
    const std::uint32_t feature = i % shape.features, chunk = i / shape.features;
    const std::uint32_t present = shape.present(table);
    double sum = 0, squares = 0;
    for (std::uint32_t row = chunk * FeatureRows::kChunk; row < (chunk + 1) * FeatureRows::kChunk && row < present;
         row += FeatureRows::kAhead) {
      float group[FeatureRows::kAhead];
      for (std::uint32_t k = 0; k < FeatureRows::kAhead; ++k) {
        const std::uint64_t at = std::uint64_t{row + k} * shape.features + feature;
        group[k] = row + k < present ? to_float(values[at]) : 0.0F;
      }
      for (const float value : group) {
        sum += double{value};
        squares += double{value} * double{value};
      }
    }
    double* to = sums + std::uint64_t{chunk} * 2 * shape.features;
    to[feature] = sum;
    to[shape.features + feature] = squares;
  }
};

/// The batch's moments out of its sums, and the running statistics' next values.
struct BatchNormMoments {
  StepTable table;
  FeatureRows shape;
  const double* sums;  ///< [2][feature]
  double momentum, epsilon;
  Moments moments;
  float* running_mean;
  float* running_variance;

  [[nodiscard]] std::uint64_t threads() const { return shape.features; }

  SPOT_DEVICE void operator()(std::uint64_t feature) const {
    const double count = shape.present(table);
    const double mean = sums[feature] / count;
    const double difference = sums[shape.features + feature] / count - mean * mean;
    const double variance = difference > 0 ? difference : 0.0;
    moments.mean[feature] = static_cast<float>(mean);
    moments.inverse_deviation[feature] = static_cast<float>(1.0 / std::sqrt(variance + epsilon));
    move(running_mean[feature], mean);
    move(running_variance[feature], variance);
  }

 private:
  SPOT_DEVICE void move(float& statistic, double value) const {
    statistic = static_cast<float>(momentum * double{statistic} + (1 - momentum) * value);
  }
};

/// The moments that evaluation uses.
struct RunningMoments {
  std::uint32_t features;
  double epsilon;
  Moments moments;
  const float* running_mean;
  const float* running_variance;

  [[nodiscard]] std::uint64_t threads() const { return features; }

  SPOT_DEVICE void operator()(std::uint64_t feature) const {
    moments.mean[feature] = running_mean[feature];
    moments.inverse_deviation[feature] =
        static_cast<float>(1.0 / std::sqrt(double{running_variance[feature]} + epsilon));
  }
};

/// outputs = (values - mean) / deviation * scale + shift.
template <typename T>
struct BatchNormForward {
  FeatureRows shape;
  const T* values;
  Moments moments;
  const float* scale;
  const float* shift;
  T* outputs;

  [[nodiscard]] std::uint64_t threads() const { return std::uint64_t{shape.rows()} * (shape.features / kLanes); }

  SPOT_DEVICE void operator()(std::uint64_t thread) const {
    const std::uint32_t first = static_cast<std::uint32_t>(thread) % (shape.features / kLanes) * kLanes;
    Lanes lanes = load(values + thread * kLanes);
    for (std::uint32_t l = 0; l < kLanes; ++l) {
      const std::uint32_t feature = first + l;
      lanes[l] =
          (lanes[l] - moments.mean[feature]) * moments.inverse_deviation[feature] * scale[feature] + shift[feature];
    }
    store(outputs + thread * kLanes, lanes);
  }
};

/// Sums of chunks of the differences and of their products with the normalised values, [chunk][2][feature]. Samples
/// that the step lacks have no difference.
template <typename T>
struct BatchNormGradientSums {
  FeatureRows shape;
  const T* values;
  const T* differences;
  Moments moments;
  double* sums;

  [[nodiscard]] std::uint64_t threads() const { return std::uint64_t{shape.chunks()} * shape.features; }

  SPOT_DEVICE void operator()(std::uint64_t thread) const {
    const auto i = static_cast<std::uint32_t>(thread);
    const std::uint32_t feature = i % shape.features, chunk = i / shape.features;
    const float mean = moments.mean[feature], inverse_deviation = moments.inverse_deviation[feature];
    const std::uint32_t rows = shape.rows();
    double sum = 0, products = 0;
    for (std::uint32_t row = chunk * FeatureRows::kChunk; row < (chunk + 1) * FeatureRows::kChunk && row < rows;
         row += FeatureRows::kAhead) {
      float difference[FeatureRows::kAhead], value[FeatureRows::kAhead];
      for (std::uint32_t k = 0; k < FeatureRows::kAhead; ++k) {
        const std::uint64_t at = std::uint64_t{row + k} * shape.features + feature;
        difference[k] = row + k < rows ? to_float(differences[at]) : 0.0F;
        value[k] = row + k < rows ? to_float(values[at]) : mean;
      }
      for (std::uint32_t k = 0; k < FeatureRows::kAhead; ++k) {
        sum += double{difference[k]};
        products += double{difference[k]} * double{(value[k] - mean) * inverse_deviation};
      }
    }
    double* to = sums + std::uint64_t{chunk} * 2 * shape.features;
    to[feature] = sum;
    to[shape.features + feature] = products;
  }
};

/// The sums are the gradients of shift and scale.
struct BatchNormGradients {
  std::uint32_t features;
  const double* sums;  ///< [2][feature]
  float* shift_gradient;
  float* scale_gradient;

  [[nodiscard]] std::uint64_t threads() const { return features; }

  SPOT_DEVICE void operator()(std::uint64_t feature) const {
    shift_gradient[feature] = static_cast<float>(sums[feature]);
    scale_gradient[feature] = static_cast<float>(sums[features + feature]);
  }
};

/// The differences of the values.
template <typename T>
struct BatchNormBackward {
  StepTable table;
  FeatureRows shape;
  const T* values;
  const T* output_differences;
  Moments moments;
  const float* scale;
  const float* shift_gradient;
  const float* scale_gradient;
  T* differences;

  [[nodiscard]] std::uint64_t threads() const { return std::uint64_t{shape.rows()} * (shape.features / kLanes); }

  SPOT_DEVICE void operator()(std::uint64_t thread) const {
    const auto i = static_cast<std::uint32_t>(thread);
    const std::uint32_t groups = shape.features / kLanes, present = shape.present(table);
    const auto count = static_cast<float>(present);
    const Lanes x = load(values + thread * kLanes);
    Lanes lanes = load(output_differences + thread * kLanes);
    for (std::uint32_t l = 0; l < kLanes; ++l) {
      const std::uint32_t feature = i % groups * kLanes + l;
      const float normalised = (x[l] - moments.mean[feature]) * moments.inverse_deviation[feature];
      const float centred = lanes[l] - shift_gradient[feature] / count - normalised * (scale_gradient[feature] / count);
      lanes[l] = i / groups < present ? scale[feature] * moments.inverse_deviation[feature] * centred : 0.0F;
    }
    store(differences + thread * kLanes, lanes);
  }
};

}  // namespace spot::cuda
