// Compiled with -mavx2 where the compiler targets x86.
#include "base/xxh3_kernels.h"

namespace spot {

const Xxh3& xxh3_avx2() {
  return kXxh3;
}

}  // namespace spot
