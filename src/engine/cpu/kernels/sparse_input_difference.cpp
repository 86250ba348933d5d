// For one window and one vector of input channels the differences of its whole receptive field stay in registers
// while the window's output channels pass by, cell by cell of the window: a difference that went to a cell
// multiplies the taps of its channel and is added under them. Where the field does not fit the registers it is
// taken one cell and one row of taps at a time. An input's sum runs over window, group of 64 output channels,
// cell and channel, in ascending order, either way.

#include <algorithm>
#include <bit>
#include <utility>

#include "engine/cpu/kernels/sparse_convolution.h"
#include "engine/cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/sparse_input_difference.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Tag>;
constexpr bool kManyRegisters = HWY_LANES(float) == 16 || HWY_ARCH_ARM_A64;

/// The part of a window's receptive field that is held in registers.
template <std::size_t rows, std::size_t columns>
struct Field {
  static constexpr std::size_t kRows = rows, kColumns = columns, kSize = rows * columns;
};

template <typename F, std::size_t... i>
HWY_INLINE void load_field(Vector (&field)[F::kSize], const float* pixel, std::size_t row, std::size_t block,
                           std::index_sequence<i...> /*pixels*/) {
  ((field[i] = hn::LoadU(Tag(), pixel + i / F::kColumns * row + i % F::kColumns * block)), ...);
}

template <typename F, std::size_t... i>
HWY_INLINE void store_field(const Vector (&field)[F::kSize], float* pixel, std::size_t row, std::size_t block,
                            std::index_sequence<i...> /*pixels*/) {
  (hn::StoreU(field[i], Tag(), pixel + i / F::kColumns * row + i % F::kColumns * block), ...);
}

/// Adds difference * weight to the pixels under the taps, which begin at (top, left) of the field.
template <typename F, std::size_t kernel, std::size_t block, std::size_t top, std::size_t left, std::size_t... tap>
HWY_INLINE void add_taps(Vector (&field)[F::kSize], Vector difference, const float* weights,
                         std::index_sequence<tap...> /*taps*/) {
  ((field[(top + tap / kernel) * F::kColumns + left + tap % kernel] =
        hn::MulAdd(difference, hn::LoadU(Tag(), weights + tap * block),
                   field[(top + tap / kernel) * F::kColumns + left + tap % kernel])),
   ...);
}

/// All output channels of one bit set; `taps` rows of taps from `weights` on.
template <typename F, std::size_t kernel, std::size_t block, std::size_t top, std::size_t left, std::size_t rows>
HWY_INLINE void add_set(Vector (&field)[F::kSize], std::uint64_t bits, const float* values, const float* weights) {
  for (; bits != 0; bits &= bits - 1) {
    const auto channel = static_cast<std::size_t>(std::countr_zero(bits));
    add_taps<F, kernel, block, top, left>(field, hn::Set(Tag(), values[channel]),
                                          weights + channel * kernel * kernel * block,
                                          std::make_index_sequence<rows * kernel>());
  }
}

/// The whole field at once. `sets` are the four bit sets of one group of channels, `pitch` is the distance of the
/// values of two cells.
template <std::size_t kernel, std::size_t block>
HWY_INLINE void add_window_at_once(const std::uint64_t* sets, const float* values, std::size_t pitch,
                                   const float* weights, float* pixel, std::size_t row) {
  using F = Field<kernel + 1, kernel + 1>;
  constexpr auto kPixels = std::make_index_sequence<F::kSize>();
  Vector field[F::kSize];
  load_field<F>(field, pixel, row, block, kPixels);
  add_set<F, kernel, block, 0, 0, kernel>(field, sets[0], values, weights);
  add_set<F, kernel, block, 0, 1, kernel>(field, sets[1], values + pitch, weights);
  add_set<F, kernel, block, 1, 0, kernel>(field, sets[2], values + 2 * pitch, weights);
  add_set<F, kernel, block, 1, 1, kernel>(field, sets[3], values + 3 * pitch, weights);
  store_field<F>(field, pixel, row, block, kPixels);
}

/// One cell and one row of taps at a time.
template <std::size_t kernel, std::size_t block>
HWY_INLINE void add_window_by_rows(const std::uint64_t* sets, const float* values, std::size_t pitch,
                                   const float* weights, float* pixel, std::size_t row) {
  using F = Field<1, kernel>;
  constexpr auto kPixels = std::make_index_sequence<F::kSize>();
  for (std::size_t cell = 0; cell < 4; ++cell) {
    if (sets[cell] == 0) continue;
    for (std::size_t r = 0; r < kernel; ++r) {
      float* place = pixel + (cell / 2 + r) * row + cell % 2 * block;
      Vector field[F::kSize];
      load_field<F>(field, place, row, block, kPixels);
      add_set<F, kernel, block, 0, 0, 1>(field, sets[cell], values + cell * pitch, weights + r * kernel * block);
      store_field<F>(field, place, row, block, kPixels);
    }
  }
}

template <std::size_t kernel, std::size_t block>
void difference_of_image(const WindowShape& shape, const SparseDifference& list, const float* weights,
                         float* differences) {
  constexpr bool kAtOnce = kManyRegisters && kernel <= 3;
  const std::size_t groups = channel_groups(shape), taps = kernel * kernel;
  const std::size_t row = shape.columns * block, pitch = shape.pools ? 0 : shape.output_channels;
  std::fill_n(differences, shape.pixels() * shape.input_channels, 0.0F);
  for (std::size_t input = 0; input < shape.input_channels; input += hn::Lanes(Tag())) {
    float* plane = differences + input / block * shape.pixels() * block + input % block;
    const float* plane_weights = weights + input / block * shape.output_channels * taps * block + input % block;
    for (std::size_t window = 0; window < shape.windows(); ++window) {
      float* pixel = plane + shape.pixel(2 * (window / shape.windows_across), 2 * (window % shape.windows_across));
      for (std::size_t group = 0; group < groups; ++group) {
        const std::uint64_t* sets = list.winners + (window * groups + group) * 4;
        const float* values = list.values + window * shape.results() * shape.output_channels + group * 64;
        const float* group_weights = plane_weights + group * 64 * taps * block;
        if constexpr (kAtOnce) {
          add_window_at_once<kernel, block>(sets, values, pitch, group_weights, pixel, row);
        } else {
          add_window_by_rows<kernel, block>(sets, values, pitch, group_weights, pixel, row);
        }
      }
    }
  }
}

template <std::size_t block>
void difference_of_blocks(const WindowShape& shape, const SparseDifference& list, const float* weights,
                          float* differences) {
  switch (shape.kernel) {
    case 1: return difference_of_image<1, block>(shape, list, weights, differences);
    case 3: return difference_of_image<3, block>(shape, list, weights, differences);
    default: return difference_of_image<5, block>(shape, list, weights, differences);
  }
}

void sparse_input_difference_here(const WindowShape& shape, const SparseDifference& list, const float* weights,
                                  float* differences) {
  if (shape.block == 16) return difference_of_blocks<16>(shape, list, weights, differences);
  difference_of_blocks<8>(shape, list, weights, differences);
}

}  // namespace spot::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace spot::kernels {

HWY_EXPORT(sparse_input_difference_here);

void sparse_input_difference(const WindowShape& shape, const SparseDifference& list, const float* weights,
                             float* differences) {
  HWY_DYNAMIC_DISPATCH(sparse_input_difference_here)(shape, list, weights, differences);
}

}  // namespace spot::kernels
#endif
