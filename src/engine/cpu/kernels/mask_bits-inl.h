// A mask's lanes as bits. Included once for each target, inside it.

#if defined(SPOT_MASK_BITS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SPOT_MASK_BITS_INL_H
#undef SPOT_MASK_BITS_INL_H
#else
#define SPOT_MASK_BITS_INL_H
#endif

#include <cstdint>
#include <cstring>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {

/// Lane i of a mask of up to 64 lanes as bit i.
template <typename D>
HWY_INLINE std::uint64_t bits_of(D d, hwy::HWY_NAMESPACE::Mask<D> mask) {
  std::uint8_t bytes[8] = {};
  hwy::HWY_NAMESPACE::StoreMaskBits(d, mask, bytes);
  std::uint64_t bits = 0;
  std::memcpy(&bits, bytes, sizeof bits);
  return bits;
}

}  // namespace spot::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
