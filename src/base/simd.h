#pragma once

// SPOT_SIMD before a function compiles it for the baseline, AVX2 and AVX-512 and lets the loader choose.
// Such functions compute element by element, or sum in an order that they spell out, and the build forbids
// contraction to fused multiply-adds: every version gives the same bits. Sanitizers start too late for the
// resolvers, and clang has no clones for functions with internal linkage.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(SPOT_SANITIZED)
#define SPOT_SIMD __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))
#else
#define SPOT_SIMD
#endif

// SPOT_EACH_ALONE before a loop: what an iteration reads, no other one has written, though its arrays may be the same.
#if defined(__clang__)
#define SPOT_EACH_ALONE _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define SPOT_EACH_ALONE _Pragma("GCC ivdep")
#else
#define SPOT_EACH_ALONE
#endif
