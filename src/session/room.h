#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/config.h"
#include "engine/state_view.h"

namespace spot {

enum class Fit {
  kAll,   ///< everything that the keys ask for
  kLess,  ///< older checkpoints will have to go early
  kNone,  ///< not even the last two checkpoints and the one that is being saved
};

/// The room that a run takes on its volume, and what there is. In bytes.
struct Room {
  std::uint64_t checkpoint = 0;            ///< one file, at most
  std::uint64_t tensors = 0;               ///< those of one file, without which there is none
  std::uint64_t model = 0;                 ///< the final model's weights
  std::uint64_t files = 0;                 ///< checkpoint files, at most, beside those that keep_every keeps
  std::optional<std::uint64_t> available;  ///< free, or in files that this run will be written over

  [[nodiscard]] std::uint64_t wanted() const { return files * checkpoint + model; }
  [[nodiscard]] std::uint64_t least() const { return 3 * tensors; }
  [[nodiscard]] Fit fit() const;
};

/// `folder` is open on the volume; `reusable` bytes of checkpoint files there are counted as free.
Room measure_room(const Config& config, const StateLayout& layout, int folder, std::uint64_t reusable);

/// One line: how much is needed, how much is there, and which key lowers it.
std::string describe(const Room& room, const Config& config);

/// What speaks against saving checkpoints of that size beside the room on the disk; empty: nothing.
std::string file_size_warning(const Room& room);

}  // namespace spot
