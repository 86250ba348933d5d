#include <algorithm>
#include <type_traits>
#include <variant>

#include "engine/cuda/card/errors.h"
#include "engine/cuda/card/launch.h"

namespace spot::cuda {
namespace {

constexpr std::uint64_t kBlock = 256;              // threads
constexpr std::uint64_t kMostBlocks = 0x7fffffff;  // that a grid may have in its first dimension

template <typename OneKernel>
__global__ void __launch_bounds__(kBlock) compute(OneKernel kernel, std::uint64_t threads) {
  const std::uint64_t stride = std::uint64_t{gridDim.x} * blockDim.x;
  for (std::uint64_t i = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < threads; i += stride) kernel(i);
}

template <typename OneKernel>
void enqueue(OneKernel kernel, cudaStream_t stream) {
  static_assert(std::is_trivially_copyable_v<OneKernel> && sizeof(OneKernel) <= 4000, "is the launch's parameter");
  std::uint64_t threads = kernel.threads();
  if (threads == 0) return;
  const std::uint64_t blocks = std::min((threads + kBlock - 1) / kBlock, kMostBlocks);
  void* arguments[] = {&kernel, &threads};
  check(cudaLaunchKernel(compute<OneKernel>, dim3(static_cast<unsigned>(blocks)), dim3(kBlock), arguments, 0, stream),
        "cudaLaunchKernel");
}

template <typename OneKernel>
void load() {
  cudaFuncAttributes attributes;
  check(cudaFuncGetAttributes(&attributes, compute<OneKernel>), "cudaFuncGetAttributes");
}

template <typename... Kernels>
void load_each(std::type_identity<std::variant<Kernels...>> /*kernels*/) {
  (load<Kernels>(), ...);
}

}  // namespace

void launch(const Kernel& kernel, cudaStream_t stream) {
  std::visit([stream](const auto& one) { enqueue(one, stream); }, kernel);
}

void launch(const FilterKernel& kernel, cudaStream_t stream) {
  std::visit([stream](const auto& one) { enqueue(one, stream); }, kernel);
}

void load_kernels() {
  load_each(std::type_identity<Kernel>{});
  load_each(std::type_identity<FilterKernel>{});
}

}  // namespace spot::cuda
