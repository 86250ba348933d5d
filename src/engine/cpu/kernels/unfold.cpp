// A row of the kernel's taps lies side by side in the image and, but where a block ends, in the unfolded one: it is
// copied by one masked load and store a place.

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

void unfold_here(const UnfoldShape& shape, const float* image, float* unfolded) {
  const Tag d;
  const std::size_t down = shape.output_rows(), across = shape.output_columns(), block = shape.block;
  for (std::size_t y = 0; y < down; ++y) {
    for (std::size_t row = 0; row < shape.channels * shape.kernel; ++row) {
      const std::size_t plane = row / shape.kernel * shape.rows * shape.columns;
      const float* from = image + plane + (y + row % shape.kernel) * shape.columns;
      const std::size_t first = row * shape.kernel, end = first + shape.kernel;
      for (std::size_t c = first; c < end;) {
        const std::size_t count = std::min({end - c, block - c % block, hn::Lanes(d)});
        const auto mask = hn::FirstN(d, count);
        const float* source = from + (c - first);
        float* to = unfolded + (c / block * down + y) * across * block + c % block;
        for (std::size_t x = 0; x < across; ++x) {
          hn::BlendedStore(hn::MaskedLoad(mask, d, source + x), mask, d, to + x * block);
        }
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
