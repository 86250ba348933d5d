#pragma once

// Which instruction sets the kernels in this folder are compiled for, with Google Highway: AVX2 and AVX-512 on
// x86-64, NEON on AArch64. Each of them multiplies and adds with one rounding (FMA), and every sum is written out
// lane by lane or entry by entry, so all of them compute the same bits. Highway also compiles a fallback for any
// processor, which rounds twice; usable() says no there, and the general path computes instead. To be included
// before Highway.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#define HWY_BROKEN_EMU128 1
