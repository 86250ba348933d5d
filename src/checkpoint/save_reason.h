#pragma once

#include <cstdint>

namespace spot {

/// Why a checkpoint is saved.
enum class SaveReason : std::uint8_t {
  kInterval,  ///< so many steps, or so much time, since the last one
  kEpoch,     ///< an epoch has ended
  kNotice,    ///< the machine is about to be taken away
  kRequest,   ///< the host asked for it, or cancelled the run
  kFinal,     ///< the run is done
};

/// As files, events and the log name it.
const char* to_text(SaveReason reason);

/// Whether nothing else is to be done before this save is durable.
constexpr bool is_urgent(SaveReason reason) {
  return reason == SaveReason::kNotice;
}

}  // namespace spot
