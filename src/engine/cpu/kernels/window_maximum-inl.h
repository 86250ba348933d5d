// Max-pooling of one window and ReLU, for the forward kernels of every instruction set: a Highway header, included
// once for each of them.

#if defined(SPOT_KERNELS_WINDOW_MAXIMUM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SPOT_KERNELS_WINDOW_MAXIMUM_INL_H_
#undef SPOT_KERNELS_WINDOW_MAXIMUM_INL_H_
#else
#define SPOT_KERNELS_WINDOW_MAXIMUM_INL_H_
#endif

#include <hwy/highway.h>

#include "engine/cpu/kernels/window_shape.h"

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {

/// Stores max(0, a, b, c, d) and, unless `winner` is null, which of them it was: the first of equals.
HWY_INLINE void store_maximum(hwy::HWY_NAMESPACE::Vec<hwy::HWY_NAMESPACE::CappedTag<float, 16>> a, decltype(a) b,
                              decltype(a) c, decltype(a) d, float* output, std::uint8_t* winner) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::CappedTag<float, 16> df;
  const hn::RebindToSigned<decltype(df)> di;
  const hn::Rebind<std::uint8_t, decltype(df)> du8;
  auto best = a;
  auto who = hn::Zero(di);
  const decltype(a) others[3] = {b, c, d};
  for (int i = 0; i < 3; ++i) {
    const auto larger = hn::Gt(others[i], best);
    best = hn::IfThenElse(larger, others[i], best);
    who = hn::IfThenElse(hn::RebindMask(di, larger), hn::Set(di, i + 1), who);
  }
  const auto positive = hn::Gt(best, hn::Zero(df));
  hn::StoreU(hn::IfThenElseZero(positive, best), df, output);
  if (winner == nullptr) return;
  who = hn::IfThenElse(hn::RebindMask(di, positive), who, hn::Set(di, kNoWinner));
  hn::StoreU(hn::DemoteTo(du8, who), du8, winner);
}

}  // namespace spot::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
