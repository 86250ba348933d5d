#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "checkpoint/trailer.h"

/// The lineage that the trailers of framed() state.
constexpr std::uint64_t kWriterEpoch = 1, kGeneration = 1;

/// A whole file of this payload: padded and with the right trailer, so that what lies behind its hashes is reached.
inline std::vector<std::byte> framed(std::span<const std::byte> payload) {
  return spot::seal(payload, kWriterEpoch, kGeneration);
}
