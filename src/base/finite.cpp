#include "base/finite.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/simd.h"
#include "base/status.h"
#include "base/text.h"

namespace spot {
namespace {

/// The largest of the values' bits without their signs: as integers they are ordered like the absolute values, with
/// infinity and then NaN above every number.
SPOT_SIMD std::uint32_t largest_magnitude(const std::byte* floats, std::size_t count) {
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t bits;
    std::memcpy(&bits, floats + i * sizeof bits, sizeof bits);
    largest = std::max(largest, bits & 0x7fff'ffffU);
  }
  return largest;
}

}  // namespace

bool all_finite(std::span<const float> values) {
  return all_finite(std::as_bytes(values));
}

bool all_finite(std::span<const std::byte> floats) {
  constexpr std::uint32_t kInfinity = 0x7f80'0000U;
  return largest_magnitude(floats.data(), floats.size() / sizeof(float)) < kInfinity;
}

void fail_diverged(const std::string& what) {
  fail(Status::kDiverged,
       cat(what,
           " is not finite: training has diverged; lower learning_rate or raise warmup_steps (and set "
           "allow_config_change, to go on from the newest checkpoint), or set on_nan to continue"));
}

}  // namespace spot
