#pragma once

#include <cstddef>
#include <cstdint>

#include "base/philox.h"

namespace spot {

/// Words of `count` consecutive Philox blocks, first_block on, of the stream whose counters are `counter` with
/// the block number in the low 48 bits: the words of Philox::block(), computed side by side. Block i's four
/// words go to planes[0][i] … planes[3][i].
void philox_planes(std::uint64_t key, const Philox::Block& counter, std::uint64_t first_block, std::size_t count,
                   std::uint32_t* const (&planes)[4]);

}  // namespace spot
