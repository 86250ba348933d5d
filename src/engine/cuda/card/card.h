#pragma once

#include <memory>
#include <string>

#include "engine/cuda/device.h"

namespace spot::cuda {

/// Empty where a card can be used, else why none can: the driver's own words and what to do. Creates nothing on it.
std::string why_no_card();

/// e.g. "NVIDIA H100 80GB HBM3, sm_90, driver for CUDA 13.0, CUDA 13.0, cuDNN 9.19.0, cuBLAS 13.1.0" of the card that
/// open_card() would take.
std::string describe_card();

/// The calling thread's current card, which is the first visible one unless the program has chosen another.
/// Operations, graphs and events keep to it and end before it. What is recorded into a graph begins and ends on one
/// thread, and should have run once before: the driver loads what computes on first use, which may not be recorded.
/// Other threads may wait for events meanwhile.
std::unique_ptr<Device> open_card();

}  // namespace spot::cuda
