// Speeds side by side: contestants take turns in one process, so that drift of
// the machine falls on all alike, and the median of the rounds counts.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tc/te/workload.h"

namespace tc::cli {

struct Contestant {
  std::string name;
  std::function<void()> run;
  /// It creates threads inside each call, so the caller must not be bound to one CPU.
  bool unpinned = false;
};

struct Timing {
  double median_ns = 0, first_quartile_ns = 0, third_quartile_ns = 0;
  int samples = 0;
};

struct MeasureOptions {
  int rounds = 9;
  double sample_s = 0.006;  // calls are repeated until a sample lasts as long
  double slow_s = 0.25;     // a call longer than this is sampled three times only
  int threads = 1;          // of each contestant
};

/// One Timing a contestant.
[[nodiscard]] std::vector<Timing> measure(std::span<const Contestant> contestants,
                                          const MeasureOptions& options);

/// How a workload's speed is stated: GFLOP/s where arithmetic can be the limit,
/// GB/s of the arguments' bytes where memory is (fewer than two operations a byte).
struct Yardstick {
  bool bandwidth = false;
  double work = 0;  // 1e9 operations or bytes a call
  double peak = 0;  // what `threads` threads can do per second, measured now
  [[nodiscard]] const char* unit() const { return bandwidth ? "GB/s" : "GFLOP/s"; }
  [[nodiscard]] double speed(double ns) const { return work / (ns * 1e-9); }
  [[nodiscard]] double share(double ns) const { return peak > 0 ? speed(ns) / peak : 0; }
};
/// With `measure_peak` false the peak stays 0.
[[nodiscard]] Yardstick yardstick(const WorkloadGraph& graph, int threads, bool measure_peak = true);

}  // namespace tc::cli
