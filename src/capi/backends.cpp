#include "capi/backends.h"

#include <array>

#include "engine/cpu/cpu_engine.h"

namespace spot {

std::span<const Backend> backends() {
  static const std::array<Backend, 1> kBackends = {cpu_backend()};
  return kBackends;
}

}  // namespace spot
