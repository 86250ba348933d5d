// A row of the kernel's taps lies side by side in the image and, but where a block ends, in the unfolded one: it is
// copied by one masked load and store a place, or, where masked ones touch the memory that they mask, by its floats.

#include "engine/cpu/kernels/unfold.h"

#include <algorithm>

#include "engine/cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/unfold.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;

/// to[i * step …] = from[i …], `count` floats each.
HWY_INLINE void copy_places(const float* from, std::size_t places, std::size_t count, float* to, std::size_t step) {
#if HWY_ARCH_X86
  const Tag d;
  const auto mask = hn::FirstN(d, count);
  for (std::size_t i = 0; i < places; ++i) {
    hn::BlendedStore(hn::MaskedLoad(mask, d, from + i), mask, d, to + i * step);
  }
#else
  for (std::size_t i = 0; i < places; ++i) std::copy_n(from + i, count, to + i * step);
#endif
}

void unfold_here(const UnfoldShape& shape, const float* image, float* unfolded) {
  const std::size_t down = shape.output_rows(), across = shape.output_columns(), block = shape.block;
  for (std::size_t y = 0; y < down; ++y) {
    for (std::size_t row = 0; row < shape.channels * shape.kernel; ++row) {
      const std::size_t plane = row / shape.kernel * shape.rows * shape.columns;
      const float* from = image + plane + (y + row % shape.kernel) * shape.columns;
      const std::size_t first = row * shape.kernel, end = first + shape.kernel;
      for (std::size_t c = first; c < end;) {
        const std::size_t count = std::min({end - c, block - c % block, hn::Lanes(Tag())});
        copy_places(from + (c - first), across, count, unfolded + (c / block * down + y) * across * block + c % block,
                    block);
        c += count;
      }
    }
  }
}

}  // namespace spot::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace spot::kernels {

HWY_EXPORT(unfold_here);

void unfold(const UnfoldShape& shape, const float* image, float* unfolded) {
  HWY_DYNAMIC_DISPATCH(unfold_here)(shape, image, unfolded);
}

}  // namespace spot::kernels
#endif
