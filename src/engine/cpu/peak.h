#pragma once

namespace spot {

/// Fused multiply-adds of float that `threads` threads of this machine can do together, in GFLOP/s (two
/// operations each): independent chains in registers, the best of several rounds of some 30 ms. 0 where no
/// vector unit is known.
double measure_peak_gflops(int threads);

}  // namespace spot
