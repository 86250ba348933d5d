#pragma once

#include <cstddef>
#include <cstdint>

namespace spot::kernels {

/// The nonzero channels of each pixel of an image, in ascending order: pixel p's k-th one has the value
/// values[p * pitch + k] and the offset offsets[p * pitch + k] = channel * `offset_of_channel`;
/// counts[p] of them. What is behind them is undefined.
struct ActiveList {
  float* values = nullptr;
  std::uint32_t* offsets = nullptr;
  std::uint32_t* counts = nullptr;
  std::size_t pitch = 0;  ///< entries between two pixels: the channels. One more pitch of room lies behind.
};

/// Lists a blocked image of `pixels` pixels and list.pitch channels. A pixel that `background` marks (null: none)
/// has one entry, of value 1, for the channel behind the last one: the weights there are those of all channels
/// together (WindowForward). Pixels that `needed` does not mark (null: all are) are left out.
void list_active(const float* image, const std::uint8_t* background, const std::uint8_t* needed, std::size_t pixels,
                 std::size_t block, std::size_t offset_of_channel, const ActiveList& list);

}  // namespace spot::kernels
