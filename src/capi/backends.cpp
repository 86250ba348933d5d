#include "capi/backends.h"

#include <array>

#include "engine/cpu/cpu_engine.h"
#include "engine/module.h"

namespace spot {

std::span<const Backend> backends(const std::string& device) {
  static const std::array<Backend, 1> kCpu = {cpu_backend()};
  return device == kCpu[0].name ? kCpu : backends();
}

std::span<const Backend> backends() {
  static const std::array<Backend, 2> kAll = {cpu_backend(), open_cuda_module()};
  return kAll;
}

}  // namespace spot
