// What the code generator reaches, and what a compile costs. Prints; asserts
// nothing but the results. Not part of any test.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "gemm_ir.h"
#include "tc/codegen/jit.h"

using namespace tc;
using namespace tc::codegen;

namespace {

// CPU time of this thread: what other processes on the machine take is not counted.
double cpu_now() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// fp32 FMA rate of this core at this moment, GFLOP/s.
double fma_peak() {
  double best = 1e9;
  const long n = 40000;
  float v[8], w[8];
  for (int i = 0; i < 8; ++i) v[i] = 0.9999f, w[i] = 0.0001f;
  for (int s = 0; s < 12; ++s) {
    double t = cpu_now();
    long i = n;
    asm volatile("vmovups (%1),%%ymm12\n vmovups (%2),%%ymm13\n"
#define Z(r) "vmovaps %%ymm13,%%ymm" #r "\n"
                 Z(0) Z(1) Z(2) Z(3) Z(4) Z(5) Z(6) Z(7) Z(8) Z(9) Z(10) Z(11) "1:\n"
#define F(r) "vfmadd213ps %%ymm13,%%ymm12,%%ymm" #r "\n"
                 F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10)
                     F(11) "dec %0\n jnz 1b\n vzeroupper\n"
                 : "+r"(i)
                 : "r"(v), "r"(w)
                 : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                   "xmm10", "xmm11", "xmm12", "xmm13");
    best = std::min(best, cpu_now() - t);
  }
  return 12.0 * 16 * n / best * 1e-9;
}

// GFLOP/s and the peak beside it: medians of pairs.
struct Speed {
  double gflops, percent, peak;
};
Speed measure(Kernel::Raw run, void* const* data, double flop) {
  int reps = 1;
  run(data);
  for (;;) {
    const double t = cpu_now();
    for (int i = 0; i < reps; ++i) run(data);
    if (cpu_now() - t > 0.005 || reps > 1 << 24) break;
    reps *= 2;
  }
  std::vector<Speed> all;
  for (int s = 0; s < 21; ++s) {
    const double peak = fma_peak(), a = cpu_now();
    for (int i = 0; i < reps; ++i) run(data);
    const double g = 1e-9 * flop * reps / (cpu_now() - a);
    all.push_back({g, 100 * g / peak, peak});
  }
  std::sort(all.begin(), all.end(), [](const Speed& x, const Speed& y) { return x.percent < y.percent; });
  return all[all.size() / 2];
}

std::vector<float> numbers(int64_t n, unsigned seed) {
  std::vector<float> v(static_cast<size_t>(n));
  for (auto& x : v)
    x = static_cast<float>(static_cast<int>((seed = seed * 1664525u + 1013904223u) >> 28) - 8);
  return v;
}

template <class F>
double median_ms(int n, F&& f) {
  std::vector<double> t;
  for (int i = 0; i < n; ++i) t.push_back(f());
  std::sort(t.begin(), t.end());
  return t[t.size() / 2];
}

void compile_costs(const char* name, const ir::FuncRef& f, const Target& target) {
  const AbiSpec abi = AbiSpec::of(*f);
  CompileOptions fresh;
  fresh.use_cache = false;
  CompileStats last;
  std::vector<double> emit, code, link;
  const double total = median_ms(15, [&] {
    const double t = cpu_now();
    const auto k = compile(f, abi, target, fresh);
    const double ms = (cpu_now() - t) * 1e3;
    last = k.value().stats();
    emit.push_back(last.emit_ms), code.push_back(last.codegen_ms), link.push_back(last.link_ms);
    return ms;
  });
  const auto mid = [](std::vector<double>& v) {
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
  };
  const std::string dir = std::filesystem::temp_directory_path() / ("tc-bench-" + std::to_string(::getpid()));
  CompileOptions cached;
  cached.cache = std::make_shared<ObjectCache>(ObjectCache::Options{dir});
  (void)compile(f, abi, target, cached);
  const auto again = [&] {
    const double t = cpu_now();
    (void)compile(f, abi, target, cached);
    return (cpu_now() - t) * 1e3;
  };
  const double memory = median_ms(25, again);
  const double disk = median_ms(25, [&] {
    cached.cache->clear_memory();
    return again();
  });
  std::filesystem::remove_all(dir);
  std::printf(
      "%-28s %6lld insts  total %6.2f ms = emit %5.2f + codegen %6.2f + link %5.2f; from disk %5.3f, from "
      "memory %5.3f\n",
      name, static_cast<long long>(last.llvm_instructions), total, mid(emit), mid(code), mid(link), disk,
      memory);
}

void run_micro(const gemm::Tile& t, const Target& target) {
  const int64_t depth = 256, lda = 512, ldc = 512;
  const auto f = gemm::micro_kernel(t, depth, lda, ldc);
  const std::string name = "micro " + std::to_string(t.rows) + "x" + std::to_string(t.columns());
  compile_costs(name.c_str(), f, target);
  const Kernel k = compile(f, AbiSpec::of(*f), target).value();
  auto a = numbers(t.rows * lda, 1), b = numbers(depth * t.columns(), 2), c = numbers(t.rows * ldc, 3);
  void* data[] = {a.data(), b.data(), c.data()};
  const Speed v = measure(k.raw(), data, 2.0 * t.rows * t.columns() * static_cast<double>(depth));
  std::printf("%-28s %7.2f GFLOP/s, %5.1f %% of %.1f\n", name.c_str(), v.gflops, v.percent, v.peak);
}

void run_gemm(const gemm::Tile& t, const gemm::Problem& p, const Target& target) {
  const auto f = gemm::gemm(t, p);
  const std::string name = "gemm " + std::to_string(p.m) + "x" + std::to_string(p.n) + "x" +
                           std::to_string(p.k) + " tile " + std::to_string(t.rows) + "x" +
                           std::to_string(t.columns());
  compile_costs(name.c_str(), f, target);
  const Kernel k = compile(f, AbiSpec::of(*f), target).value();
  auto a = numbers(p.m * p.k, 1), b = numbers(p.k * p.n, 2), c = numbers(p.m * p.n, 3),
       packed = gemm::pack(b, t, p);
  void* data[] = {a.data(), packed.data(), c.data()};
  const Speed v = measure(k.raw(), data, 2.0 * static_cast<double>(p.m * p.n * p.k));
  for (int64_t q = 0; q < 200; ++q) {
    const int64_t i = q * 37 % p.m, j = q * 101 % p.n;
    float want = 0;
    for (int64_t x = 0; x < p.k; ++x)
      want += a[static_cast<size_t>(i * p.k + x)] * b[static_cast<size_t>(x * p.n + j)];
    if (want != c[static_cast<size_t>(i * p.n + j)])
      std::printf("WRONG at %ld %ld: %g, not %g\n", i, j,
                  static_cast<double>(c[static_cast<size_t>(i * p.n + j)]), static_cast<double>(want));
  }
  std::printf("%-28s %7.2f GFLOP/s, %5.1f %% of %.1f\n", name.c_str(), v.gflops, v.percent, v.peak);
}

}  // namespace

int main(int argc, char** argv) {
  const Target target =
      argc > 1 && std::strncmp(argv[1], "cpu", 3) == 0 ? Target::parse(argv[1]).value() : Target::host();
  std::printf("%s, %d-bit vectors\n", target.text().c_str(), target.vector_bits);
  const gemm::Tile zmm{14, 2, 16}, ymm{6, 2, 8};
  if (argc > 2) {
    const auto f = gemm::micro_kernel(target.vector_bits == 512 ? zmm : ymm, 256, 512, 512);
    std::puts(listing(f, AbiSpec::of(*f), target,
                      std::strcmp(argv[2], "ll") == 0 ? Listing::llvm : Listing::assembly)
                  .value()
                  .c_str());
    return 0;
  }
  if (target.vector_bits == 512) {
    run_micro(zmm, target);
    run_gemm(zmm, {256, 256, 256, 168, 256}, target);
    run_gemm(zmm, {512, 512, 512, 168, 256}, target);
    run_gemm(zmm, {1024, 1024, 1024, 168, 256}, target);
    run_gemm(zmm, {1008, 1024, 1040, 168, 130},
             target);  // half of L1 for a panel of B, rows of A not a power of two apart
  }
  run_micro(ymm, target);
  run_gemm(ymm, {384, 512, 512, 192, 256}, target);
  run_gemm(ymm, {1024, 1024, 1024, 192, 256}, target);
}
