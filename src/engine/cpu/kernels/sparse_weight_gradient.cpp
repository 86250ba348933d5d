// For one output channel and one vector of input channels the gradients of all taps stay in registers while the
// channel's entries of a band pass by: each multiplies its difference with the input pixels under the taps. A
// weight's sum runs over the images, and in each over bands and windows, in ascending order.

#include <utility>

#include "engine/cpu/kernels/sparse_convolution.h"
#include "engine/cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/sparse_weight_gradient.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Tag>;

template <std::size_t kernel, std::size_t... tap>
HWY_INLINE void add_entry(Vector (&sums)[kernel * kernel], Vector difference, const float* pixel, std::size_t row,
                          std::size_t block, std::index_sequence<tap...> /*taps*/) {
  ((sums[tap] = hn::MulAdd(difference, hn::LoadU(Tag(), pixel + tap / kernel * row + tap % kernel * block), sums[tap])),
   ...);
}

template <std::size_t kernel, std::size_t... tap>
HWY_INLINE void load_sums(Vector (&sums)[kernel * kernel], const float* gradient, std::size_t channels,
                          std::index_sequence<tap...> /*taps*/) {
  ((sums[tap] = hn::LoadU(Tag(), gradient + tap * channels)), ...);
}

template <std::size_t kernel, std::size_t... tap>
HWY_INLINE void store_sums(const Vector (&sums)[kernel * kernel], float* gradient, std::size_t channels,
                           std::index_sequence<tap...> /*taps*/) {
  (hn::StoreU(sums[tap], Tag(), gradient + tap * channels), ...);
}

/// One vector of input channels of one output channel: `gradient` is that of its first tap.
template <std::size_t kernel, std::size_t block>
HWY_INLINE void add_entries(const WindowShape& shape, const float* image, const SparseEntry* entries,
                            std::uint32_t count, float* gradient) {
  constexpr auto kTaps = std::make_index_sequence<kernel * kernel>();
  const std::size_t row = shape.columns * block;
  Vector sums[kernel * kernel];
  load_sums<kernel>(sums, gradient, shape.input_channels, kTaps);
  for (std::uint32_t i = 0; i < count; ++i) {
    add_entry<kernel>(sums, hn::Set(Tag(), entries[i].difference), image + entries[i].pixel, row, block, kTaps);
  }
  store_sums<kernel>(sums, gradient, shape.input_channels, kTaps);
}

template <std::size_t kernel, std::size_t block>
void add_image(const WindowShape& shape, const float* image, const SparseDifference& list, float* gradient) {
  const std::size_t room = entries_of_band(shape);
  for (std::size_t band = 0; band < bands(shape); ++band) {
    for (std::size_t input = 0; input < shape.input_channels; input += hn::Lanes(Tag())) {
      const float* plane = image + input / block * shape.pixels() * block + input % block;
      for (std::size_t output = 0; output < shape.output_channels; ++output) {
        const std::size_t at = band * shape.output_channels + output;
        add_entries<kernel, block>(shape, plane, list.entries + at * room, list.counts[at],
                                   gradient + output * shape.taps() * shape.input_channels + input);
      }
    }
  }
}

template <std::size_t block>
void add_image_of_blocks(const WindowShape& shape, const float* image, const SparseDifference& list, float* gradient) {
  switch (shape.kernel) {
    case 1: return add_image<1, block>(shape, image, list, gradient);
    case 3: return add_image<3, block>(shape, image, list, gradient);
    default: return add_image<5, block>(shape, image, list, gradient);
  }
}

void sparse_weight_gradient_here(const WindowShape& shape, const float* image, const SparseDifference& list,
                                 float* gradient) {
  if (shape.block == 16) return add_image_of_blocks<16>(shape, image, list, gradient);
  add_image_of_blocks<8>(shape, image, list, gradient);
}

}  // namespace spot::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace spot::kernels {

HWY_EXPORT(sparse_weight_gradient_here);

void sparse_weight_gradient(const WindowShape& shape, const float* image, const SparseDifference& list,
                            float* gradient) {
  HWY_DYNAMIC_DISPATCH(sparse_weight_gradient_here)(shape, image, list, gradient);
}

}  // namespace spot::kernels
#endif
