// What a parallel region costs: empty ones back to back and after idling, and
// regions of a given length, for running two of these programs side by side.
//
//   bench/region [THREADS]                               the empty region
//   bench/region THREADS PART_US GAP_US SECONDS          share of the ideal rate
//
// In the second form each part computes for PART_US and the caller for GAP_US
// between regions; 1.00 is what idle CPUs would give.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "tc/runtime/c_api.h"
#include "tc/runtime/timer.h"

namespace {

using tc::runtime::now_ns;

int32_t nothing(void*, int64_t, int64_t) { return 0; }

/// Computes *turns dependent multiply-adds per iteration.
int32_t compute(void* turns, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    double x = 1;
    for (int64_t k = 0; k < *static_cast<int64_t*>(turns); ++k) x = x * 1.0000001 + 1e-9;
    asm volatile("" : : "x"(x));
  }
  return 0;
}

void print_quartiles(const char* what, std::vector<double> us) {
  std::sort(us.begin(), us.end());
  const size_t n = us.size();
  std::printf("%-24s median %9.3f  q1 %9.3f  q3 %9.3f  max %10.3f us\n", what, us[n / 2], us[n / 4],
              us[3 * n / 4], us.back());
}

void measure_empty() {
  constexpr int kRepeats = 20'000;
  std::vector<double> us;
  for (int sample = 0; sample < 101; ++sample) {
    const int64_t start = now_ns();
    for (int i = 0; i < kRepeats; ++i) tc_parallel_for(nothing, nullptr, tc_num_threads());
    us.push_back(static_cast<double>(now_ns() - start) * 1e-3 / kRepeats);
  }
  print_quartiles("back to back", us);
  for (const int idle_us : {5, 100, 500, 5000}) {
    us.clear();
    for (int sample = 0; sample < 201; ++sample) {
      const int64_t idle_until = now_ns() + idle_us * 1000;
      while (now_ns() < idle_until) {
      }
      const int64_t start = now_ns();
      tc_parallel_for(nothing, nullptr, tc_num_threads());
      us.push_back(static_cast<double>(now_ns() - start) * 1e-3);
    }
    char what[32];
    std::snprintf(what, sizeof what, "after %d us idle", idle_us);
    print_quartiles(what, us);
  }
}

void measure_share(double part_us, double gap_us, double seconds) {
  double turns_per_us = 0;
  for (int sample = 0; sample < 20; ++sample) {
    int64_t turns = 100'000;
    const int64_t start = now_ns();
    compute(&turns, 0, 1);
    turns_per_us =
        std::max(turns_per_us, 1e3 * static_cast<double>(turns) / static_cast<double>(now_ns() - start));
  }
  auto part = static_cast<int64_t>(part_us * turns_per_us), gap = static_cast<int64_t>(gap_us * turns_per_us);
  std::vector<double> us;
  const int64_t start = now_ns(), stop = start + static_cast<int64_t>(seconds * 1e9);
  while (now_ns() < stop) {
    compute(&gap, 0, 1);
    const int64_t before = now_ns();
    tc_parallel_for(compute, &part, tc_num_threads());
    us.push_back(static_cast<double>(now_ns() - before) * 1e-3);
  }
  const double elapsed_us = static_cast<double>(now_ns() - start) * 1e-3;
  std::printf("%d threads, part %g us, gap %g us: %.2f of the ideal rate\n", tc_num_threads(), part_us,
              gap_us, static_cast<double>(us.size()) * (part_us + gap_us) / elapsed_us);
  print_quartiles("region", us);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) tc_set_num_threads(std::atoi(argv[1]));
  if (argc == 5) {
    measure_share(std::atof(argv[2]), std::atof(argv[3]), std::atof(argv[4]));
  } else {
    measure_empty();
  }
  return 0;
}
