// Clock, and what the machine can do at this moment: the two limits that a
// measured speed is stated against. Measured beside the thing they judge, since
// the clock and the neighbours of a virtual machine change from second to second.
#pragma once
#include <cstdint>

namespace tc::runtime {

/// Nanoseconds of the monotonic clock.
int64_t now_ns();

/// fp32 fused-multiply-add rate of the calling core, in GFLOP/s (an FMA is two):
/// the best of a dozen samples of about 0.1 ms, of the widest vectors the CPU
/// has (AVX-512 or AVX2, whichever is faster). 0 where the CPU has neither.
double fma_peak_gflops();

/// Memory speed in GB/s (1e9 bytes).
struct Bandwidth {
  double read_gbs;  // bytes read
  double copy_gbs;  // bytes read plus bytes written
};

/// Streams over `bytes` of memory (two buffers of half of it for the copy) with
/// at most `threads` threads of the pool, and takes the best of seven passes. A
/// working set of some times the last-level cache measures memory, a smaller one
/// measures that cache. Zeros where the memory cannot be had.
Bandwidth measure_bandwidth(int64_t bytes, int32_t threads);

}  // namespace tc::runtime
