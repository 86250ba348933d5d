#include <atomic>
#include <cstdlib>
#include <dlfcn.h>
#include <dnnl.h>
#include <new>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "support/small_problem.h"

// What every step costs beside arithmetic: memory that it asks for, and slow code that oneDNN chose unasked.

namespace {

/// Bytes asked for, by us and within oneDNN, which makes a table of its own at each execution of a primitive.
std::atomic<bool> counts{false};
std::atomic<std::size_t> ours{0}, onednns{0}, executions{0};
thread_local bool within_onednn = false;

void* allocate(std::size_t size, std::size_t alignment) {
  if (counts) (within_onednn ? onednns : ours) += size;
  void* memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

/// The function of that name in oneDNN's library, which the ones below stand in front of.
template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

template <typename Call>
dnnl_status_t call_onednn(const Call& call) {
  if (counts) ++executions;
  within_onednn = true;
  const dnnl_status_t status = call();
  within_onednn = false;
  return status;
}

}  // namespace

dnnl_status_t dnnl_primitive_execute(const_dnnl_primitive_t primitive, dnnl_stream_t stream, int count,
                                     const dnnl_exec_arg_t* arguments) {
  static auto* execute = real<decltype(dnnl_primitive_execute)>("dnnl_primitive_execute");
  return call_onednn([=] { return execute(primitive, stream, count, arguments); });
}

dnnl_status_t dnnl_sgemm(char transa, char transb, dnnl_dim_t m, dnnl_dim_t n, dnnl_dim_t k, float alpha,
                         const float* a, dnnl_dim_t lda, const float* b, dnnl_dim_t ldb, float beta, float* c,
                         dnnl_dim_t ldc) {
  static auto* multiply = real<decltype(dnnl_sgemm)>("dnnl_sgemm");
  return call_onednn([=] { return multiply(transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc); });
}

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

TEST_CASE("a steady step allocates nothing, and oneDNN no more than the tables of its arguments") {
  constexpr std::size_t kTables = 512;  // bytes an execution; about 230 in oneDNN 2.6
  constexpr std::pair<Kernels, Mode> kWays[] = {
      {Kernels::kAuto, Mode::kExact}, {Kernels::kAuto, Mode::kFast}, {Kernels::kGeneral, Mode::kExact}};
  for (const auto& [kernels, mode] : kWays) {
    for (const char* network : kNetworks) {
      CAPTURE(std::string(network));
      const Problem problem(network, {1, 28, 28}, 24);
      EngineSpec spec = spec_of(problem, {.kind = OptimizerKind::kAdam});
      spec.kernels = kernels;
      spec.mode = mode;
      const auto engine = create_cpu_engine(spec, Log());
      for (std::uint64_t step = 0; step < 3; ++step) engine->train_step(problem.view(), step, 1e-3F);
      ours = onednns = executions = 0;
      counts = true;
      for (std::uint64_t step = 3; step < 6; ++step) engine->train_step(problem.view(), step, 1e-3F);
      counts = false;
      CHECK(ours.load() == 0);
      CHECK(executions.load() > 0);
      CHECK(onednns.load() <= kTables * executions.load());
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
