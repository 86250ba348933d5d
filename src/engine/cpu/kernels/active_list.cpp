// Skipping zeros. A ReLU leaves about half of its values zero, and a product with an exact zero changes no sum:
// a convolution may go through a list of the other half instead. The list is made once an image, one pixel's
// channels at a time, by packing the lanes that are not zero to the front of a vector.

#include "engine/cpu/kernels/active_list.h"

#include "engine/cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/active_list.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void list_active_here(const float* image, const std::uint8_t* background, const std::uint8_t* needed,
                      std::size_t pixels, std::size_t block, std::size_t offset_of_channel, const ActiveList& list) {
  const hn::CappedTag<float, 16> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const auto steps = hn::Mul(hn::Iota(du, 0), hn::Set(du, static_cast<std::uint32_t>(offset_of_channel)));
  for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
    if (needed != nullptr && needed[pixel] == 0) continue;
    float* values = list.values + pixel * list.pitch;
    std::uint32_t* offsets = list.offsets + pixel * list.pitch;
    if (background != nullptr && background[pixel] != 0) {
      values[0] = 1.0F;
      offsets[0] = static_cast<std::uint32_t>(list.pitch * offset_of_channel);
      list.counts[pixel] = 1;
      continue;
    }
    std::size_t count = 0;
    for (std::size_t channel = 0; channel < list.pitch; channel += hn::Lanes(d)) {
      const auto value = hn::LoadU(d, image + (channel / block * pixels + pixel) * block + channel % block);
      const auto active = hn::Ne(value, hn::Zero(d));
      const auto offset = hn::Add(steps, hn::Set(du, static_cast<std::uint32_t>(channel * offset_of_channel)));
      hn::StoreU(hn::Compress(value, active), d, values + count);
      hn::StoreU(hn::Compress(offset, hn::RebindMask(du, active)), du, offsets + count);
      count += hn::CountTrue(d, active);
    }
    list.counts[pixel] = static_cast<std::uint32_t>(count);
  }
}

}  // namespace spot::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace spot::kernels {

HWY_EXPORT(list_active_here);

void list_active(const float* image, const std::uint8_t* background, const std::uint8_t* needed, std::size_t pixels,
                 std::size_t block, std::size_t offset_of_channel, const ActiveList& list) {
  HWY_DYNAMIC_DISPATCH(list_active_here)(image, background, needed, pixels, block, offset_of_channel, list);
}

}  // namespace spot::kernels
#endif
