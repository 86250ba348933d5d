#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include <doctest/doctest.h>

#include "unit/small_problem.h"

// What every step costs beside arithmetic: memory that it asks for, and slow code that oneDNN chose unasked.

namespace {

std::atomic<bool> counts{false};
std::atomic<std::size_t> bytes{0}, largest{0};

void* allocate(std::size_t size, std::size_t alignment) {
  if (counts) {
    bytes += size;
    std::size_t before = largest;
    while (size > before && !largest.compare_exchange_weak(before, size)) {
    }
  }
  void* memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) {
  return allocate(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}

using namespace spot;
using small_problem::Problem, small_problem::spec_of;

namespace {

const char* const kNetworks[] = {
    R"({"type":"conv2d","filters":32,"kernel":3},{"type":"relu"},{"type":"conv2d","filters":64,"kernel":3},
       {"type":"relu"},{"type":"max_pool","kernel":2},{"type":"dropout","rate":0.25},{"type":"flatten"},
       {"type":"dense","units":128},{"type":"relu"},{"type":"dropout","rate":0.5},{"type":"dense","units":5})",
    R"({"type":"conv2d","filters":6,"kernel":5,"padding":2},{"type":"relu"},{"type":"average_pool","kernel":2},
       {"type":"conv2d","filters":16,"kernel":5},{"type":"relu"},{"type":"average_pool","kernel":2},
       {"type":"flatten"},{"type":"dense","units":120},{"type":"relu"},{"type":"dense","units":5})",
    R"({"type":"conv2d","filters":16,"kernel":3,"stride":2},{"type":"batch_norm"},{"type":"relu"},
       {"type":"max_pool","kernel":3,"stride":2},{"type":"flatten"},{"type":"dense","units":5})",
};

}  // namespace

TEST_CASE("a steady step allocates nothing but oneDNN's argument tables") {
  for (const Kernels kernels : {Kernels::kAuto, Kernels::kGeneral}) {
    for (const char* network : kNetworks) {
      CAPTURE(std::string(network));
      const Problem problem(network, {1, 28, 28}, 24);
      EngineSpec spec = spec_of(problem, {.kind = OptimizerKind::kAdam});
      spec.kernels = kernels;
      const auto engine = create_cpu_engine(spec, Log());
      for (std::uint64_t step = 0; step < 3; ++step) engine->train_step(problem.view(), step, 1e-3F);
      bytes = largest = 0;
      counts = true;
      for (std::uint64_t step = 3; step < 6; ++step) engine->train_step(problem.view(), step, 1e-3F);
      counts = false;
      CHECK(largest <= 512);
      CHECK(bytes < 3 * 65536);
    }
  }
}

TEST_CASE("no operator runs on oneDNN's reference code") {
  for (const Kernels kernels : {Kernels::kAuto, Kernels::kGeneral}) {
    for (const char* network : kNetworks) {
      CAPTURE(std::string(network));
      const Problem problem(network, {1, 28, 28}, 24);
      EngineSpec spec = spec_of(problem, {});
      spec.kernels = kernels;
      const auto engine = create_cpu_engine(spec, Log());
      for (const OperatorTime& time : engine->profile(problem.view(), 1)) {
        CAPTURE(time.layer);
        CAPTURE(time.implementation);
        CHECK_FALSE(time.implementation.starts_with("ref"));
        CHECK_FALSE(time.implementation.starts_with("simple"));
      }
    }
  }
}
