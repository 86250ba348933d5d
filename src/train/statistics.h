#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace spot {

/// What a look inside the model shows of one parameter tensor.
struct TensorStatistics {
  std::string name;
  std::uint64_t size = 0;
  double mean = 0;
  double standard_deviation = 0;  ///< of the population
  double minimum = 0;
  double maximum = 0;
  double gradient_norm = 0;  ///< Euclidean, of the last step; NaN before the first
};

/// One entry a parameter tensor, in the order of the layout.
std::vector<TensorStatistics> parameter_statistics(const Engine& engine, bool has_gradients);

}  // namespace spot
