#include "train/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace spot {
namespace {

double euclidean_norm(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += double{value} * double{value};
  return std::sqrt(sum);
}

TensorStatistics describe(const TensorSpec& tensor, std::span<const float> values) {
  TensorStatistics result{.name = tensor.name, .size = tensor.size};
  const auto count = static_cast<double>(values.size());
  double sum = 0;
  for (const float value : values) sum += double{value};
  result.mean = sum / count;
  double squares = 0;
  for (const float value : values) squares += std::pow(double{value} - result.mean, 2);
  result.standard_deviation = std::sqrt(squares / count);
  const auto [minimum, maximum] = std::minmax_element(values.begin(), values.end());
  result.minimum = double{*minimum};
  result.maximum = double{*maximum};
  return result;
}

}  // namespace

std::vector<TensorStatistics> parameter_statistics(const Engine& engine, bool has_gradients) {
  const StateLayout& layout = engine.layout();
  std::vector<float> state(layout.size());
  engine.read_state(state);
  std::vector<float> gradients(has_gradients ? layout.parameter_count() : 0);
  if (has_gradients) engine.read_gradients(gradients);

  const StateView view{&layout, state};
  std::vector<TensorStatistics> result;
  for (const TensorSpec& tensor : layout.tensors()) {
    if (tensor.role != TensorRole::kParameter) continue;
    result.push_back(describe(tensor, view.tensor(tensor)));
    result.back().gradient_norm = has_gradients
                                      ? euclidean_norm(std::span(gradients).subspan(tensor.offset, tensor.size))
                                      : std::numeric_limits<double>::quiet_NaN();
  }
  return result;
}

}  // namespace spot
