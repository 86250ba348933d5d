#pragma once

#include <cstdint>

namespace spot {

/// Why a checkpoint is saved; the numbers are those of SPOT_SAVE_...
enum class SaveReason : std::int32_t {
  kInterval = 1,  ///< so many steps, or so much time, since the last one
  kEpoch = 2,     ///< an epoch has ended
  kNotice = 3,    ///< the machine is about to be taken away
  kRequest = 4,   ///< the host asked for it, or ended the run
  kFinal = 5,     ///< the run is done
};

/// As files, events and the log name it.
const char* to_text(SaveReason reason);

/// Whether nothing else is to be done before this save is durable.
constexpr bool is_urgent(SaveReason reason) {
  return reason == SaveReason::kNotice;
}

}  // namespace spot
