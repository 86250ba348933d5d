#include "engine/cpu/kernels/instruction_set.h"

#include "engine/cpu/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/instruction_set.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace spot::kernels::HWY_NAMESPACE {

std::size_t floats_of_vector() {
  return HWY_TARGET == HWY_SCALAR ? 0 : hwy::HWY_NAMESPACE::Lanes(hwy::HWY_NAMESPACE::CappedTag<float, 16>());
}

const char* name_of_target() {
  return hwy::TargetName(HWY_TARGET);
}

}  // namespace spot::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace spot::kernels {

HWY_EXPORT(floats_of_vector);
HWY_EXPORT(name_of_target);

std::size_t lanes() {
  return HWY_DYNAMIC_DISPATCH(floats_of_vector)();
}

bool usable() {
  return lanes() != 0;
}

const char* target_name() {
  return HWY_DYNAMIC_DISPATCH(name_of_target)();
}

}  // namespace spot::kernels
#endif
