#pragma once

#include <memory>

#include "engine/cuda/device.h"
#include "engine/engine.h"

namespace spot::cuda {

/// The engine on a graphics card. Plans the model, records the graphs of a step, and makes the state of step 0. Throws
/// kModel for a model that is too large for its kernels, and what the device throws.
std::unique_ptr<Engine> create_cuda_engine(std::unique_ptr<Device> device, const EngineSpec& spec, const Log& log);

}  // namespace spot::cuda
