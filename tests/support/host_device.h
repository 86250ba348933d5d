#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/cuda/device.h"

/// A card played by the host: the tests' double of cuda::Device. Kernels run in a loop, operations as the plainest
/// loops. Work is put off until somebody waits for it, so that whoever reads results too early, or writes over what is
/// still to be sent, sees the wrong values; and it is checked that memory is alive, that a stream waits for the other
/// one's work on the same memory, and that nothing happens while a graph is recorded but what may. Misuse throws
/// std::logic_error.
namespace host_device {

/// What was asked of a device, and what it is to answer.
struct Record {
  std::size_t allocations = 0, transfers = 0, launches = 0, graph_launches = 0, synchronisations = 0, waits = 0;
  std::size_t recorded_calls = 0;  ///< of the last graph
  bool is_recording = false;
  std::vector<spot::cuda::ConvolutionSpec> convolutions;
  std::vector<spot::cuda::ProductSpec> products;

  std::size_t memory_left = SIZE_MAX;  ///< bytes of the card
  std::size_t refusals = 0;            ///< of memory
  std::string failure;                 ///< what every synchronisation throws, as kInternal; empty: nothing
  std::function<void()> on_launch;     ///< called for every launch of a kernel or graph, which fails if it throws
};

std::unique_ptr<spot::cuda::Device> make(std::shared_ptr<Record> record);

}  // namespace host_device
