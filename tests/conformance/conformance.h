#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/engine.h"

/// What every engine must be able to do, however it does it: the CPU engine's results within the rounding of its
/// precision, and its own to the bit.
namespace spot::conformance {

struct Subject {
  std::string name;
  std::function<std::unique_ptr<Engine>(const EngineSpec& spec)> create;
  Precision precision = Precision::kFloat32;  ///< what it is asked to compute in
  std::uint32_t preset_batch = 128;           ///< of the preset models; what computes slowly takes fewer
};

/// One property of one network or optimizer, measured.
struct Finding {
  std::string property;  ///< e.g. "backward"
  std::string object;    ///< e.g. "conv2d of 3 x 3"
  double measured = 0;   ///< a relative difference; of bits and masks: how many values differ
  double allowed = 0;
  std::string error;  ///< what was thrown, should that have ended it

  [[nodiscard]] bool holds() const { return error.empty() && measured <= allowed; }  // a NaN does not
};

using Report = std::function<void(const Finding&)>;

/// Holds `subject` against `oracle`, an engine of float32 that is known to be right. Reports each finding; true when
/// all hold.
bool conforms(const Subject& subject, const Subject& oracle, const Report& report);

}  // namespace spot::conformance
