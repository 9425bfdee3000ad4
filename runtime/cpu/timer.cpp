#include "tc/runtime/timer.h"

#include <time.h>

#include <algorithm>
#include <cstring>

#include "tc/runtime/c_api.h"

namespace tc::runtime {

int64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

namespace {

#if defined(__x86_64__)
// Twelve independent chains hide the latency of two FMA units (4 or 5 cycles
// each). The loop is one asm statement, so that no compiler and no optimisation
// level can put anything into it. x = 0.9999 x + 0.0001 stays normal.
#define TC_FMA_CHAINS(reg, operands)                          \
  "vfmadd213ps " operands reg "0\n vfmadd213ps " operands reg \
  "1\n"                                                       \
  "vfmadd213ps " operands reg "2\n vfmadd213ps " operands reg \
  "3\n"                                                       \
  "vfmadd213ps " operands reg "4\n vfmadd213ps " operands reg \
  "5\n"                                                       \
  "vfmadd213ps " operands reg "6\n vfmadd213ps " operands reg \
  "7\n"                                                       \
  "vfmadd213ps " operands reg "8\n vfmadd213ps " operands reg \
  "9\n"                                                       \
  "vfmadd213ps " operands reg "10\n vfmadd213ps " operands reg "11\n"
#define TC_FMA_START(reg)                                                               \
  "vmovaps " reg "13, " reg "0\n vmovaps " reg "13, " reg "1\n vmovaps " reg "13, " reg \
  "2\n"                                                                                 \
  "vmovaps " reg "13, " reg "3\n vmovaps " reg "13, " reg "4\n vmovaps " reg "13, " reg \
  "5\n"                                                                                 \
  "vmovaps " reg "13, " reg "6\n vmovaps " reg "13, " reg "7\n vmovaps " reg "13, " reg \
  "8\n"                                                                                 \
  "vmovaps " reg "13, " reg "9\n vmovaps " reg "13, " reg "10\n vmovaps " reg "13, " reg "11\n"
#define TC_FMA_CLOBBERS                                                                                    \
  "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
      "xmm11", "xmm12", "xmm13"
constexpr int kChains = 12;
constexpr float kScale = 0.9999f, kStep = 0.0001f;

__attribute__((noinline, target("avx2,fma"))) void run_avx2(int64_t turns) {
  asm volatile(
      "vbroadcastss %1, %%ymm12\n vbroadcastss %2, %%ymm13\n" TC_FMA_START("%%ymm") "1:\n" TC_FMA_CHAINS(
          "%%ymm", "%%ymm13, %%ymm12, ") "dec %0\n jnz 1b\n vzeroupper\n"
      : "+r"(turns)
      : "m"(kScale), "m"(kStep)
      : TC_FMA_CLOBBERS);
}

__attribute__((noinline, target("avx512f"))) void run_avx512(int64_t turns) {
  asm volatile(
      "vbroadcastss %1, %%zmm12\n vbroadcastss %2, %%zmm13\n" TC_FMA_START("%%zmm") "1:\n" TC_FMA_CHAINS(
          "%%zmm", "%%zmm13, %%zmm12, ") "dec %0\n jnz 1b\n vzeroupper\n"
      : "+r"(turns)
      : "m"(kScale), "m"(kStep)
      : TC_FMA_CLOBBERS);
}
#undef TC_FMA_CHAINS
#undef TC_FMA_START
#undef TC_FMA_CLOBBERS

double best_gflops(void (*run)(int64_t), int lanes) {
  constexpr int64_t kTurns = 40'000;
  int64_t best = INT64_MAX;
  for (int sample = 0; sample < 12; ++sample) {
    const int64_t start = now_ns();
    run(kTurns);
    best = std::min(best, now_ns() - start);
  }
  return 2.0 * lanes * kChains * static_cast<double>(kTurns) /
         static_cast<double>(std::max<int64_t>(best, 1));
}
#endif

struct Stream {
  char* from;
  char* to;
  int64_t bytes, part;
};

/// The sum keeps the loads alive; its value does not matter.
int32_t read_part(void* closure, int64_t begin, int64_t end) {
  const Stream& stream = *static_cast<Stream*>(closure);
  using Lanes = uint64_t __attribute__((vector_size(16)));
  constexpr int kSums = 8;
  Lanes sums[kSums] = {};
  const int64_t stop = std::min(end * stream.part, stream.bytes);
  for (int64_t i = begin * stream.part; i + 128 <= stop; i += 128) {
    const Lanes* at = reinterpret_cast<const Lanes*>(stream.from + i);
    for (int j = 0; j < kSums; ++j) sums[j] += at[j];
  }
  for (int j = 1; j < kSums; ++j) sums[0] += sums[j];
  asm volatile("" : : "r"(sums[0][0] + sums[0][1]));
  return 0;
}

int32_t copy_part(void* closure, int64_t begin, int64_t end) {
  const Stream& stream = *static_cast<Stream*>(closure);
  const int64_t start = begin * stream.part, stop = std::min(end * stream.part, stream.bytes);
  if (stop > start) std::memcpy(stream.to + start, stream.from + start, static_cast<size_t>(stop - start));
  return 0;
}

/// Bytes per nanosecond, which is GB/s.
double best_rate(tc_loop_body body, Stream stream, int32_t threads, double bytes) {
  stream.part = (stream.bytes / threads + 127) / 128 * 128;
  int64_t best = INT64_MAX;
  for (int pass = 0; pass < 8; ++pass) {  // the first one warms up
    const int64_t start = now_ns();
    tc_parallel_for(body, &stream, threads);
    if (pass > 0) best = std::min(best, now_ns() - start);
  }
  return bytes / static_cast<double>(std::max<int64_t>(best, 1));
}

}  // namespace

double fma_peak_gflops() {
#if defined(__x86_64__)
  double best = 0;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) best = best_gflops(run_avx2, 8);
  if (__builtin_cpu_supports("avx512f")) best = std::max(best, best_gflops(run_avx512, 16));
  return best;
#else
  return 0;
#endif
}

Bandwidth measure_bandwidth(int64_t bytes, int32_t threads) {
  bytes = bytes / 4096 * 4096;
  threads = std::clamp(threads, 1, tc_num_threads());
  char* memory = bytes > 0 ? static_cast<char*>(tc_alloc(bytes)) : nullptr;
  if (memory == nullptr) return {0, 0};
  std::memset(memory, 1, static_cast<size_t>(bytes));
  const auto total = static_cast<double>(bytes);
  const Bandwidth result = {best_rate(read_part, {memory, nullptr, bytes, 0}, threads, total),
                            best_rate(copy_part, {memory, memory + bytes / 2, bytes / 2, 0}, threads, total)};
  tc_free(memory);
  return result;
}

}  // namespace tc::runtime
