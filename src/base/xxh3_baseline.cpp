#include "base/xxh3_kernels.h"

namespace spot {

const Xxh3& xxh3_baseline() {
  return kXxh3;
}

}  // namespace spot
