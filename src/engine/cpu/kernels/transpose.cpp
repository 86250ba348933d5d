// Four rows by four columns at a time, in registers of four floats.

#include "engine/cpu/kernels/transpose.h"

#include "engine/cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/transpose.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR
constexpr std::size_t kStep = 1;
#else
constexpr std::size_t kStep = 4;
#endif

HWY_INLINE void transpose_square(const float* from, std::size_t from_pitch, float* to, std::size_t to_pitch) {
#if HWY_TARGET == HWY_SCALAR
  *to = *from;
  (void)from_pitch, (void)to_pitch;
#else
  const hn::FixedTag<float, 4> d;
  const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + from_pitch);
  const auto c = hn::LoadU(d, from + 2 * from_pitch), e = hn::LoadU(d, from + 3 * from_pitch);
  const auto lower_ab = hn::InterleaveLower(d, a, b), lower_ce = hn::InterleaveLower(d, c, e);
  const auto upper_ab = hn::InterleaveUpper(d, a, b), upper_ce = hn::InterleaveUpper(d, c, e);
  hn::StoreU(hn::ConcatLowerLower(d, lower_ce, lower_ab), d, to);
  hn::StoreU(hn::ConcatUpperUpper(d, lower_ce, lower_ab), d, to + to_pitch);
  hn::StoreU(hn::ConcatLowerLower(d, upper_ce, upper_ab), d, to + 2 * to_pitch);
  hn::StoreU(hn::ConcatUpperUpper(d, upper_ce, upper_ab), d, to + 3 * to_pitch);
#endif
}

void transpose_here(const float* from, std::size_t from_pitch, std::size_t rows, std::size_t columns, float* to,
                    std::size_t to_pitch) {
  const std::size_t whole_rows = rows / kStep * kStep, whole_columns = columns / kStep * kStep;
  for (std::size_t i = 0; i < whole_rows; i += kStep) {
    for (std::size_t j = 0; j < whole_columns; j += kStep) {
      transpose_square(from + i * from_pitch + j, from_pitch, to + j * to_pitch + i, to_pitch);
    }
  }
  for (std::size_t i = 0; i < rows; ++i) {
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
