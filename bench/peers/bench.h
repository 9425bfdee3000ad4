// Small measuring harness shared by the benchmarks.
// C and C++; header only.
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __linux__
#include <sched.h>
#include <sys/mman.h>
#endif

static inline double bm_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct {
  double med, q1, q3, min, max;
  int n;
} bm_stat;

static int bm_cmp(const void* a, const void* b) {
  double x = *(const double*)a, y = *(const double*)b;
  return x < y ? -1 : x > y;
}
static inline bm_stat bm_summary(double* t, int n) {
  qsort(t, (size_t)n, sizeof *t, bm_cmp);
  bm_stat s;
  s.n = n;
  s.min = t[0];
  s.max = t[n - 1];
  s.med = n & 1 ? t[n / 2] : 0.5 * (t[n / 2 - 1] + t[n / 2]);
  s.q1 = t[n / 4];
  s.q3 = t[(3 * n) / 4];
  return s;
}

// Seconds per call: the body is repeated so that one sample lasts >= min_s,
// then `samples` such samples are taken and summarised.
typedef void (*bm_fn)(void*);
static inline bm_stat bm_run(bm_fn f, void* arg, int samples, double min_s) {
  double t0 = bm_now();
  f(arg);
  double t1 = bm_now() - t0;
  if (t1 < min_s) {  // second, warm estimate
    t0 = bm_now();
    f(arg);
    t1 = bm_now() - t0;
  }
  long reps = 1;
  for (;;) {
    double a = bm_now();
    for (long i = 0; i < reps; i++) f(arg);
    double d = bm_now() - a;
    if (d >= 0.5 * min_s || reps > (1L << 26)) {
      reps = (long)ceil(reps * min_s / (d > 1e-9 ? d : 1e-9));
      if (reps < 1) reps = 1;
      break;
    }
    reps *= d > 1e-9 ? (long)fmin(16.0, ceil(min_s / d)) : 16;
  }
  double t[256];
  if (samples > 256) samples = 256;
  for (int s = 0; s < samples; s++) {
    double a = bm_now();
    for (long i = 0; i < reps; i++) f(arg);
    t[s] = (bm_now() - a) / (double)reps;
  }
  return bm_summary(t, samples);
}

static inline void* bm_alloc(size_t bytes, int huge) {
  size_t al = huge ? (size_t)2 << 20 : 4096;
  size_t sz = (bytes + al - 1) / al * al;
  void* p = NULL;
  if (posix_memalign(&p, al, sz)) {
    perror("alloc");
    exit(1);
  }
#ifdef MADV_HUGEPAGE
  if (huge && !getenv("BM_NOHUGE"))
    madvise(p, sz, MADV_HUGEPAGE);  // BM_NOHUGE=1: 4 KiB pages, to show their cost
#endif
  memset(p, 0, sz);
  return p;
}

static inline float* bm_randf(size_t n, int huge, unsigned seed) {
  float* p = (float*)bm_alloc(n * sizeof(float), huge);
  uint32_t x = seed * 2654435761u + 12345u;
  for (size_t i = 0; i < n; i++) {
    x = x * 1664525u + 1013904223u;
    p[i] = (float)((int32_t)(x >> 9) - (1 << 22)) * (1.0f / (1 << 22));
  }
  return p;
}

// ---- calibration: fp32 FMA rate of the calling core right now (GFLOP/s).
// Called between operators, so that a "percent of peak" is taken against the
// clock the machine had in the same second.  x86-64 with FMA; 0 elsewhere.
#if defined(__AVX512F__)
#define BM_R "%%zmm"
#define BM_LANES 16
#else
#define BM_R "%%ymm"
#define BM_LANES 8
#endif
__attribute__((noinline, unused)) static double bm_fma_now(void) {
#if defined(__x86_64__) && defined(__FMA__)
  double best = 1e9;
  const long n = 40000;  // about 100 us a sample
  float v[16], w[16];
  for (int i = 0; i < 16; i++) v[i] = 0.9999f, w[i] = 0.0001f;
  for (int s = 0; s < 12; s++) {
    double t = bm_now();
    long i = n;
    // the whole loop is one statement: no compiler can spill inside it
    __asm__ volatile("vmovups (%1)," BM_R "12\n vmovups (%2)," BM_R "13\n"
#define BM_M(r) "vmovaps " BM_R "13," BM_R #r "\n"
                     BM_M(0) BM_M(1) BM_M(2) BM_M(3) BM_M(4) BM_M(5) BM_M(6) BM_M(7) BM_M(8) BM_M(9) BM_M(10)
                         BM_M(11) "1:\n"
#define BM_F(r) "vfmadd213ps " BM_R "13," BM_R "12," BM_R #r "\n"
                     BM_F(0) BM_F(1) BM_F(2) BM_F(3) BM_F(4) BM_F(5) BM_F(6) BM_F(7) BM_F(8) BM_F(9) BM_F(10)
                         BM_F(11) "dec %0\n jnz 1b\n vzeroupper\n"
                     : "+r"(i)
                     : "r"(v), "r"(w)
                     : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                       "xmm9", "xmm10", "xmm11", "xmm12", "xmm13");
    t = bm_now() - t;
    if (t < best) best = t;
  }
  return 12.0 * 2 * BM_LANES * (double)n / best * 1e-9;
#else
  return 0;
#endif
}
// One result line, easy to read and to parse:
//   impl | op | threads | median us | q1 us | q3 us | Gop/s at the median | % of peak (threads x peak
//   measured beside it)
static inline void bm_line(const char* impl, const char* op, int nt, bm_stat s, double gop, double peak) {
  double g = gop / s.med;
  printf("%-14s|%-34s|%d|%10.2f|%10.2f|%10.2f|%8.2f|%6.1f%%\n", impl, op, nt, s.med * 1e6, s.q1 * 1e6,
         s.q3 * 1e6, g, peak > 0 ? 100.0 * g / (peak * nt) : 0.0);
  fflush(stdout);
}
static inline void bm_line_bw(const char* impl, const char* op, int nt, bm_stat s, double gbyte) {
  printf("%-14s|%-34s|%d|%10.2f|%10.2f|%10.2f|%8.2f GB/s\n", impl, op, nt, s.med * 1e6, s.q1 * 1e6,
         s.q3 * 1e6, gbyte / s.med);
  fflush(stdout);
}
