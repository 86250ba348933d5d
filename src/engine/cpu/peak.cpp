#include "engine/cpu/peak.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <thread>
#include <vector>

#include "engine/cpu/worker_pool.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace spot {
namespace {

/// Runs `iterations` rounds of the chains; returns the operations done.
using Kernel = double (*)(std::int64_t iterations, float* result);

#if defined(__x86_64__)

// Twelve chains hide the latency of two units with four to five cycles each and fit the registers.
constexpr int kChains = 12;

__attribute__((target("avx512f"))) double fma512(std::int64_t iterations, float* result) {
  __m512 chain[kChains];
  for (int c = 0; c < kChains; ++c) chain[c] = _mm512_set1_ps(static_cast<float>(c));
  const __m512 factor = _mm512_set1_ps(0.999F), term = _mm512_set1_ps(0.001F);
  for (std::int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) chain[c] = _mm512_fmadd_ps(chain[c], factor, term);
  }
  for (int c = 1; c < kChains; ++c) chain[0] = _mm512_add_ps(chain[0], chain[c]);
  alignas(64) float lanes[16];
  _mm512_store_ps(lanes, chain[0]);
  *result = lanes[0] + lanes[15];
  return static_cast<double>(iterations) * kChains * 16 * 2;
}

__attribute__((target("avx2,fma"))) double fma256(std::int64_t iterations, float* result) {
  __m256 chain[kChains];
  for (int c = 0; c < kChains; ++c) chain[c] = _mm256_set1_ps(static_cast<float>(c));
  const __m256 factor = _mm256_set1_ps(0.999F), term = _mm256_set1_ps(0.001F);
  for (std::int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) chain[c] = _mm256_fmadd_ps(chain[c], factor, term);
  }
  for (int c = 1; c < kChains; ++c) chain[0] = _mm256_add_ps(chain[0], chain[c]);
  alignas(32) float lanes[8];
  _mm256_store_ps(lanes, chain[0]);
  *result = lanes[0] + lanes[7];
  return static_cast<double>(iterations) * kChains * 8 * 2;
}

Kernel best_kernel() {
  if (__builtin_cpu_supports("avx512f")) return fma512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return fma256;
  return nullptr;
}

#else

Kernel best_kernel() {
  return nullptr;
}

#endif

double run_round(Kernel kernel, WorkerPool& pool) {
  constexpr std::int64_t kIterations = 4'000'000;
  std::atomic<int> ready{0};
  std::vector<double> rates(static_cast<std::size_t>(pool.size()));
  std::vector<float> results(rates.size());
  pool.run([&](int worker) {
    const auto w = static_cast<std::size_t>(worker);
    ready.fetch_add(1);
    while (ready.load() < pool.size()) std::this_thread::yield();
    const auto start = std::chrono::steady_clock::now();
    const double operations = kernel(kIterations, &results[w]);
    rates[w] = operations / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  });
  return std::accumulate(rates.begin(), rates.end(), 0.0) * 1e-9;
}

}  // namespace

double measure_peak_gflops(int threads) {
  const Kernel kernel = best_kernel();
  if (kernel == nullptr) return 0;
  WorkerPool pool(threads);
  double best = 0;
  for (int round = 0; round < 5; ++round) best = std::max(best, run_round(kernel, pool));
  return best;
}

}  // namespace spot
