// As many rows as a vector has lanes by four columns at a time: every block of four lanes holds a square of four rows
// by four columns.

#include "engine/cpu/kernels/transpose.h"

#include "engine/cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/transpose.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
constexpr std::size_t kLanes = HWY_MIN(HWY_LANES(float), 16);
constexpr std::size_t kStep = HWY_MIN(kLanes, 4);

#if HWY_TARGET != HWY_SCALAR
/// Four floats of each of `lanes / 4` rows, every fourth one from `from` on, behind each other.
template <typename D>
HWY_INLINE hn::Vec<D> load_blocks(D d, const float* from, std::size_t pitch) {
  if constexpr (hn::MaxLanes(D()) <= 4) {
    return hn::LoadU(d, from);
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, load_blocks(half, from + hn::MaxLanes(half) * pitch, pitch), load_blocks(half, from, pitch));
  }
}

/// In each block the first, or last, two of a and of b.
template <typename D>
HWY_INLINE hn::Vec<D> lower_pairs(D d, hn::Vec<D> a, hn::Vec<D> b) {
  const hn::Repartition<double, D> pairs;
  return hn::BitCast(d, hn::InterleaveLower(pairs, hn::BitCast(pairs, a), hn::BitCast(pairs, b)));
}
template <typename D>
HWY_INLINE hn::Vec<D> upper_pairs(D d, hn::Vec<D> a, hn::Vec<D> b) {
  const hn::Repartition<double, D> pairs;
  return hn::BitCast(d, hn::InterleaveUpper(pairs, hn::BitCast(pairs, a), hn::BitCast(pairs, b)));
}
#endif

/// As many rows as D has lanes, by four columns.
template <typename D>
HWY_INLINE void transpose_columns(D d, const float* from, std::size_t from_pitch, float* to, std::size_t to_pitch) {
#if HWY_TARGET == HWY_SCALAR
  *to = *from;
  (void)d, (void)from_pitch, (void)to_pitch;
#else
  const auto rows = [&](std::size_t row) { return load_blocks(d, from + row * from_pitch, from_pitch); };
  const auto a = rows(0), b = rows(1), c = rows(2), e = rows(3);
  const auto lower_ab = hn::InterleaveLower(d, a, b), lower_ce = hn::InterleaveLower(d, c, e);
  const auto upper_ab = hn::InterleaveUpper(d, a, b), upper_ce = hn::InterleaveUpper(d, c, e);
  hn::StoreU(lower_pairs(d, lower_ab, lower_ce), d, to);
  hn::StoreU(upper_pairs(d, lower_ab, lower_ce), d, to + to_pitch);
  hn::StoreU(lower_pairs(d, upper_ab, upper_ce), d, to + 2 * to_pitch);
  hn::StoreU(upper_pairs(d, upper_ab, upper_ce), d, to + 3 * to_pitch);
#endif
}

void transpose_here(const float* from, std::size_t from_pitch, std::size_t rows, std::size_t columns, float* to,
                    std::size_t to_pitch) {
  const std::size_t whole_columns = columns / kStep * kStep;
  std::size_t i = 0;
  for (; i + kLanes <= rows; i += kLanes) {
    for (std::size_t j = 0; j < whole_columns; j += kStep) {
      transpose_columns(Tag(), from + i * from_pitch + j, from_pitch, to + j * to_pitch + i, to_pitch);
    }
  }
  for (; i + kStep <= rows; i += kStep) {
    for (std::size_t j = 0; j < whole_columns; j += kStep) {
      transpose_columns(hn::CappedTag<float, 4>(), from + i * from_pitch + j, from_pitch, to + j * to_pitch + i,
                        to_pitch);
    }
  }
  const std::size_t whole_rows = i;
  for (i = 0; i < rows; ++i) {
    for (std::size_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j) {
      to[j * to_pitch + i] = from[i * from_pitch + j];
    }
  }
}

}  // namespace spot::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace spot::kernels {

HWY_EXPORT(transpose_here);

void transpose(const float* from, std::size_t from_pitch, std::size_t rows, std::size_t columns, float* to,
               std::size_t to_pitch) {
  HWY_DYNAMIC_DISPATCH(transpose_here)(from, from_pitch, rows, columns, to, to_pitch);
}

}  // namespace spot::kernels
#endif
