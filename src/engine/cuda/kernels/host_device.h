#pragma once

/// A function that the card and the host can run.
#ifdef __CUDACC__
#define SPOT_DEVICE __host__ __device__
#else
#define SPOT_DEVICE
#endif
