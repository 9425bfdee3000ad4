#include "measure.h"

#include <time.h>

#include <algorithm>
#include <cmath>

#include "host.h"
#include "tc/runtime/timer.h"

namespace tc::cli {
namespace {

using runtime::now_ns;

constexpr int kSlowRounds = 3;
// Other pools spin for up to 30 ms after their last loop, on CPUs the next one needs.
constexpr int64_t kSettleNs = 35'000'000, kWarmNs = 2'000'000;

void sleep_ns(int64_t ns) {
  timespec t{ns / 1'000'000'000, ns % 1'000'000'000};
  nanosleep(&t, nullptr);
}

double time_calls(const Contestant& c, int64_t calls) {
  const int64_t begin = now_ns();
  for (int64_t i = 0; i < calls; ++i) c.run();
  return static_cast<double>(now_ns() - begin) / static_cast<double>(calls);
}

// Threads awake and caches in the state that repeated calls leave.
void warm(const Contestant& c) {
  const int64_t begin = now_ns();
  do c.run();
  while (now_ns() - begin < kWarmNs);
}

Timing summary(std::vector<double> ns) {
  std::sort(ns.begin(), ns.end());
  const size_t n = ns.size();
  return {n % 2 ? ns[n / 2] : (ns[n / 2 - 1] + ns[n / 2]) / 2, ns[n / 4], ns[3 * n / 4], static_cast<int>(n)};
}

}  // namespace

std::vector<Timing> measure(std::span<const Contestant> contestants, const MeasureOptions& options) {
  const size_t n = contestants.size();
  std::vector<std::vector<double>> samples(n);
  std::vector<int64_t> calls(n);
  std::vector<int> rounds(n, options.rounds);
  for (size_t i = 0; i < n; ++i) {  // before the caller is bound, so that every pool exists
    double once = time_calls(contestants[i], 1);
    if (once < options.slow_s * 1e9)
      once = time_calls(contestants[i], 1);
    else
      rounds[i] = std::min(options.rounds, kSlowRounds);
    calls[i] = std::max<int64_t>(1, std::llround(std::ceil(options.sample_s * 1e9 / std::max(once, 100.0))));
  }
  BoundToOneCpu caller;
  for (int r = 0; r < options.rounds; ++r)
    for (size_t j = 0; j < n; ++j) {
      const size_t i = (j + static_cast<size_t>(r)) % n;
      if (r >= rounds[i]) continue;
      const Contestant& c = contestants[i];
      if (options.threads > 1) {
        sleep_ns(kSettleNs);
        caller.bind(!c.unpinned);
      }
      if (rounds[i] > kSlowRounds) warm(c);
      samples[i].push_back(time_calls(c, calls[i]));
    }
  std::vector<Timing> out;
  for (auto& s : samples) out.push_back(summary(std::move(s)));
  return out;
}

Yardstick yardstick(const WorkloadGraph& graph, int threads, bool measure_peak) {
  Yardstick y;
  y.bandwidth = graph.flops < 2 * graph.bytes;
  y.work = (y.bandwidth ? graph.bytes : graph.flops) * 1e-9;
  if (!measure_peak) return y;
  constexpr double kLeast = 64e3, kMost = 1e9;  // a working set that can be streamed
  const auto bytes = static_cast<int64_t>(std::clamp(graph.bytes, kLeast, kMost));
  y.peak = y.bandwidth ? runtime::measure_bandwidth(bytes, threads).copy_gbs
                       : runtime::fma_peak_gflops() * threads;
  return y;
}

}  // namespace tc::cli
