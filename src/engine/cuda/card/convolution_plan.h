#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "engine/cuda/card/descriptor.h"
#include "engine/cuda/device.h"

namespace spot::cuda {

/// The card that is planned for: that of a handle, to run the plan, or one of given properties, to see what cuDNN would
/// choose on a card that is not here.
struct PlanningTarget {
  cudnnHandle_t handle = nullptr;
  const Descriptor* properties = nullptr;
};

/// A convolution by one of cuDNN's engines.
struct ConvolutionPlan {
  Descriptor execution;
  std::int64_t workspace = 0;  ///< bytes
  bool rounded = false;        ///< the filter gradient is bfloat16: cuDNN 9.19 has no engine that leaves it in float32
  std::string description;     ///< e.g. "cudnn engine 37, knobs 2=6 12=1"

  /// What the variant pack knows the tensors by: image, filters and output.
  static constexpr std::array<std::int64_t, 3> kTensors = {1, 2, 3};
};

/// The first engine of cuDNN's heuristics that permits() what is asked. Nothing is timed: the choice, and with it the
/// bits, would differ from run to run. The paddings before and behind must be alike. Throws kUnsupported where no
/// engine will do.
ConvolutionPlan plan_engine(const PlanningTarget& target, const ConvolutionSpec& spec);

}  // namespace spot::cuda
