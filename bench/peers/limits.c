// Physical limits of the host: fp32 FMA peak, int8 dot peak (AVX2), cache and
// memory bandwidth, with 1 and 2 threads.  x86-64 with AVX2+FMA, and AVX-512 where built for it.
#define _GNU_SOURCE
#include <immintrin.h>
#include <pthread.h>
#include "bench.h"

#define SAMPLES 31
static double peak_hint;

// ---------------------------------------------------------------- compute
static void fma_peak(long n) {
  __m256 a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11;
  a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = a10 = a11 = _mm256_set1_ps(1.0f);
  __m256 x = _mm256_set1_ps(0.9999f), y = _mm256_set1_ps(0.0001f);
  for (long i = 0; i < n; i++) {
#define F(r) __asm__ volatile("vfmadd213ps %2,%1,%0" : "+x"(r) : "x"(x), "x"(y));
    F(a0) F(a1) F(a2) F(a3) F(a4) F(a5) F(a6) F(a7) F(a8) F(a9) F(a10) F(a11)
  }
  __asm__ volatile("" ::"x"(a0), "x"(a1), "x"(a2), "x"(a3), "x"(a4), "x"(a5));
  __asm__ volatile("" ::"x"(a6), "x"(a7), "x"(a8), "x"(a9), "x"(a10), "x"(a11));
}
#ifdef __AVX512F__
static void fma_peak_zmm(long n) {
  __m512 a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11;
  a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = a10 = a11 = _mm512_set1_ps(1.0f);
  __m512 x = _mm512_set1_ps(0.9999f), y = _mm512_set1_ps(0.0001f);
  for (long i = 0; i < n; i++) {
#define FZ(r) __asm__ volatile("vfmadd213ps %2,%1,%0" : "+v"(r) : "v"(x), "v"(y));
    FZ(a0) FZ(a1) FZ(a2) FZ(a3) FZ(a4) FZ(a5) FZ(a6) FZ(a7) FZ(a8) FZ(a9) FZ(a10) FZ(a11)
  }
  __asm__ volatile("" ::"v"(a0), "v"(a1), "v"(a2), "v"(a3), "v"(a4), "v"(a5));
  __asm__ volatile("" ::"v"(a6), "v"(a7), "v"(a8), "v"(a9), "v"(a10), "v"(a11));
}
#endif
// u8 x s8 -> s16 pairs -> s32 quads -> add: the classic three-instruction AVX2 dot.
// 32 MACs = 64 ops per step.
static void i8_maddubs(long n) {
  __m256i a0, a1, a2, a3, a4, a5, a6, a7;
  a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = _mm256_setzero_si256();
  __m256i x = _mm256_set1_epi8(1), y = _mm256_set1_epi8(2), one = _mm256_set1_epi16(1);
  for (long i = 0; i < n; i++) {
#define D(r)                                                            \
  {                                                                     \
    __m256i t;                                                          \
    __asm__ volatile("vpmaddubsw %2,%1,%0" : "=x"(t) : "x"(x), "x"(y)); \
    __asm__ volatile("vpmaddwd %1,%0,%0" : "+x"(t) : "x"(one));         \
    __asm__ volatile("vpaddd %1,%0,%0" : "+x"(r) : "x"(t));             \
  }
    D(a0) D(a1) D(a2) D(a3) D(a4) D(a5) D(a6) D(a7)
  }
  __asm__ volatile("" ::"x"(a0), "x"(a1), "x"(a2), "x"(a3), "x"(a4), "x"(a5), "x"(a6), "x"(a7));
}
// s16 x s16 -> s32 pairs -> add (exact for any s8/u8 operands): 16 MACs per step.
static void i16_madd(long n) {
  __m256i a0, a1, a2, a3, a4, a5, a6, a7;
  a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = _mm256_setzero_si256();
  __m256i x = _mm256_set1_epi16(1), y = _mm256_set1_epi16(2);
  for (long i = 0; i < n; i++) {
#define W(r)                                                          \
  {                                                                   \
    __m256i t;                                                        \
    __asm__ volatile("vpmaddwd %2,%1,%0" : "=x"(t) : "x"(x), "x"(y)); \
    __asm__ volatile("vpaddd %1,%0,%0" : "+x"(r) : "x"(t));           \
  }
    W(a0) W(a1) W(a2) W(a3) W(a4) W(a5) W(a6) W(a7)
  }
  __asm__ volatile("" ::"x"(a0), "x"(a1), "x"(a2), "x"(a3), "x"(a4), "x"(a5), "x"(a6), "x"(a7));
}
// Two maddubs results added in s16 first (halves the widening; safe for 7-bit weights): per
// two maddubs one padd.w, one pmaddwd, one paddd = 64 MACs per 5 instructions.
static void i8_maddubs2(long n) {
  __m256i a0, a1, a2, a3, a4, a5, a6, a7;
  a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = _mm256_setzero_si256();
  __m256i x = _mm256_set1_epi8(1), y = _mm256_set1_epi8(2), one = _mm256_set1_epi16(1);
  for (long i = 0; i < n; i++) {
#define D2(r)                                                           \
  {                                                                     \
    __m256i t, u;                                                       \
    __asm__ volatile("vpmaddubsw %2,%1,%0" : "=x"(t) : "x"(x), "x"(y)); \
    __asm__ volatile("vpmaddubsw %2,%1,%0" : "=x"(u) : "x"(x), "x"(y)); \
    __asm__ volatile("vpaddw %1,%0,%0" : "+x"(t) : "x"(u));             \
    __asm__ volatile("vpmaddwd %1,%0,%0" : "+x"(t) : "x"(one));         \
    __asm__ volatile("vpaddd %1,%0,%0" : "+x"(r) : "x"(t));             \
  }
    D2(a0) D2(a1) D2(a2) D2(a3) D2(a4) D2(a5) D2(a6) D2(a7)
  }
  __asm__ volatile("" ::"x"(a0), "x"(a1), "x"(a2), "x"(a3), "x"(a4), "x"(a5), "x"(a6), "x"(a7));
}

// core clock: a chain of dependent one-cycle adds
static void clk(long n) {
  long x = 0;
  for (long i = 0; i < n; i++)
    __asm__ volatile(
        "add $1,%0\nadd $1,%0\nadd $1,%0\nadd $1,%0\nadd $1,%0\nadd $1,%0\nadd $1,%0\nadd $1,%0\n"
        "add $1,%0\nadd $1,%0\nadd $1,%0\nadd $1,%0\nadd $1,%0\nadd $1,%0\nadd $1,%0\nadd $1,%0\n"
        : "+r"(x));
}

// ---------------------------------------------------------------- bandwidth
typedef struct {
  float *a, *b, *c;
  size_t n;
} vec;
static void bw_read(vec v) {
  __m256 s0, s1, s2, s3;
  s0 = s1 = s2 = s3 = _mm256_setzero_ps();
  __m256 s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  for (size_t i = 0; i < v.n; i += 64) {
    s0 = _mm256_add_ps(s0, _mm256_load_ps(v.a + i));
    s1 = _mm256_add_ps(s1, _mm256_load_ps(v.a + i + 8));
    s2 = _mm256_add_ps(s2, _mm256_load_ps(v.a + i + 16));
    s3 = _mm256_add_ps(s3, _mm256_load_ps(v.a + i + 24));
    s4 = _mm256_add_ps(s4, _mm256_load_ps(v.a + i + 32));
    s5 = _mm256_add_ps(s5, _mm256_load_ps(v.a + i + 40));
    s6 = _mm256_add_ps(s6, _mm256_load_ps(v.a + i + 48));
    s7 = _mm256_add_ps(s7, _mm256_load_ps(v.a + i + 56));
  }
  s0 = _mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3));
  s4 = _mm256_add_ps(_mm256_add_ps(s4, s5), _mm256_add_ps(s6, s7));
  __asm__ volatile("" ::"x"(s0), "x"(s4));
}
static void bw_copy(vec v) {
  for (size_t i = 0; i < v.n; i += 32) {
    __m256 x0 = _mm256_load_ps(v.b + i), x1 = _mm256_load_ps(v.b + i + 8);
    __m256 x2 = _mm256_load_ps(v.b + i + 16), x3 = _mm256_load_ps(v.b + i + 24);
    _mm256_store_ps(v.a + i, x0);
    _mm256_store_ps(v.a + i + 8, x1);
    _mm256_store_ps(v.a + i + 16, x2);
    _mm256_store_ps(v.a + i + 24, x3);
  }
}
static void bw_copy_nt(vec v) {
  for (size_t i = 0; i < v.n; i += 32) {
    __m256 x0 = _mm256_load_ps(v.b + i), x1 = _mm256_load_ps(v.b + i + 8);
    __m256 x2 = _mm256_load_ps(v.b + i + 16), x3 = _mm256_load_ps(v.b + i + 24);
    _mm256_stream_ps(v.a + i, x0);
    _mm256_stream_ps(v.a + i + 8, x1);
    _mm256_stream_ps(v.a + i + 16, x2);
    _mm256_stream_ps(v.a + i + 24, x3);
  }
  _mm_sfence();
}
static void bw_triad(vec v) {
  __m256 k = _mm256_set1_ps(3.0f);
  for (size_t i = 0; i < v.n; i += 16) {
    __m256 x0 = _mm256_fmadd_ps(k, _mm256_load_ps(v.c + i), _mm256_load_ps(v.b + i));
    __m256 x1 = _mm256_fmadd_ps(k, _mm256_load_ps(v.c + i + 8), _mm256_load_ps(v.b + i + 8));
    _mm256_store_ps(v.a + i, x0);
    _mm256_store_ps(v.a + i + 8, x1);
  }
}
static void bw_triad_nt(vec v) {
  __m256 k = _mm256_set1_ps(3.0f);
  for (size_t i = 0; i < v.n; i += 16) {
    __m256 x0 = _mm256_fmadd_ps(k, _mm256_load_ps(v.c + i), _mm256_load_ps(v.b + i));
    __m256 x1 = _mm256_fmadd_ps(k, _mm256_load_ps(v.c + i + 8), _mm256_load_ps(v.b + i + 8));
    _mm256_stream_ps(v.a + i, x0);
    _mm256_stream_ps(v.a + i + 8, x1);
  }
  _mm_sfence();
}

// ---------------------------------------------------------------- threads
typedef struct {
  int kind;  // 0 compute, 1 bandwidth
  void (*cf)(long);
  long n;
  void (*bf)(vec);
  vec v;
  long reps;
  int id;
  int nt;
  double t[SAMPLES];
} job;
static pthread_barrier_t bar;
static void* worker(void* p) {
  job* j = (job*)p;
  cpu_set_t s;
  CPU_ZERO(&s);
  CPU_SET(j->id, &s);
  pthread_setaffinity_np(pthread_self(), sizeof s, &s);
  for (int k = -2; k < SAMPLES; k++) {
    pthread_barrier_wait(&bar);
    double a = bm_now();
    if (j->kind == 0)
      j->cf(j->n);
    else
      for (long r = 0; r < j->reps; r++) j->bf(j->v);
    pthread_barrier_wait(&bar);  // a sample ends when the slowest thread does
    double d = bm_now() - a;
    if (k >= 0) j->t[k] = d;
  }
  return NULL;
}
static bm_stat go(job* tmpl, int nt) {
  job j[2];
  pthread_t th[2];
  pthread_barrier_init(&bar, NULL, (unsigned)nt);
  for (int i = 0; i < nt; i++) {
    j[i] = tmpl[i];
    j[i].id = i;
    j[i].nt = nt;
  }
  for (int i = 0; i < nt; i++) pthread_create(&th[i], NULL, worker, &j[i]);
  for (int i = 0; i < nt; i++) pthread_join(th[i], NULL);
  pthread_barrier_destroy(&bar);
  return bm_summary(j[0].t, SAMPLES);
}
static void compute(const char* name, void (*f)(long), double ops, int nt) {
  job j[2];
  memset(j, 0, sizeof j);
  long n = 4000000;
  for (int i = 0; i < 2; i++) {
    j[i].kind = 0;
    j[i].cf = f;
    j[i].n = n;
  }
  bm_stat s = go(j, nt);
  double w = ops * (double)n * nt * 1e-9;
  printf("%-34s %d thr  median %8.2f  q1 %8.2f  q3 %8.2f  best %8.2f  Gop/s\n", name, nt, w / s.med, w / s.q3,
         w / s.q1, w / s.min);
  if (nt == 1 && !strcmp(name, "fp32 FMA")) peak_hint = w / s.med;
  fflush(stdout);
}
static void band(const char* name, void (*f)(vec), int arrays, int counted, size_t total, int nt, int huge) {
  job j[2];
  memset(j, 0, sizeof j);
  size_t n = total / 4 / (size_t)arrays / 64 * 64;
  for (int i = 0; i < nt; i++) {
    j[i].kind = 1;
    j[i].bf = f;
    // stagger the arrays so that they do not alias in the L1 sets
    j[i].v.n = n;
    j[i].v.a = bm_randf(n + 4096, huge, 1);
    j[i].v.b = (arrays > 1 ? bm_randf(n + 4096, huge, 2) : j[i].v.a);
    j[i].v.c = (arrays > 2 ? bm_randf(n + 4096, huge, 3) : j[i].v.a);
    if (arrays > 1) j[i].v.b += 16 * 11;
    if (arrays > 2) j[i].v.c += 16 * 23;
    long r = (long)(2.0e9 / (double)(n * 4 * (size_t)arrays));
    if (total > (8u << 20)) r = r / 4 + 1;
    j[i].reps = r < 1 ? 1 : r;
  }
  bm_stat s = go(j, nt);
  double w = (double)n * 4 * counted * (double)j[0].reps * nt * 1e-9;
  printf("  %-9s %8zu KiB/thr %d thr  median %8.1f  q1 %8.1f  q3 %8.1f  GB/s\n", name, total >> 10, nt,
         w / s.med, w / s.q3, w / s.q1);
  fflush(stdout);
  for (int i = 0; i < nt; i++) {
    free(j[i].v.a);
    if (arrays > 1) free(j[i].v.b - 16 * 11);
    if (arrays > 2) free(j[i].v.c - 16 * 23);
  }
}
int main(int argc, char** argv) {
  int maxt = argc > 1 ? atoi(argv[1]) : 2;
  for (int nt = 1; nt <= maxt; nt++) {
    compute("core clock (dependent adds)", clk, 16, nt);
    compute("fp32 FMA", fma_peak, 12 * 16, nt);
#ifdef __AVX512F__
    compute("fp32 FMA, 512 bits", fma_peak_zmm, 12 * 32, nt);
#endif
    compute("int8 maddubs+madd+add", i8_maddubs, 8 * 64, nt);
    compute("int8 2*maddubs+addw+madd+add", i8_maddubs2, 8 * 128, nt);
    compute("int16 madd+add", i16_madd, 8 * 32, nt);
  }
  size_t sizes[] = {16u << 10, 24u << 10, 128u << 10, 256u << 10, 384u << 10,
                    2u << 20,  8u << 20,  12u << 20,  256u << 20};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
    for (int nt = 1; nt <= maxt; nt++) {
      int huge = sizes[k] >= (2u << 20);
      band("read", bw_read, 1, 1, sizes[k], nt, huge);
      band("copy", bw_copy, 2, 2, sizes[k], nt, huge);
      band("triad", bw_triad, 3, 3, sizes[k], nt, huge);
      if (sizes[k] >= (64u << 20)) {
        band("copy-nt", bw_copy_nt, 2, 2, sizes[k], nt, huge);
        band("triad-nt", bw_triad_nt, 3, 3, sizes[k], nt, huge);
      }
    }
  // 4 KiB pages at DRAM size, to show the TLB cost
  for (int nt = 1; nt <= maxt; nt++) {
    printf("4 KiB pages:");
    band("read", bw_read, 1, 1, 256u << 20, nt, 0);
    printf("4 KiB pages:");
    band("copy", bw_copy, 2, 2, 256u << 20, nt, 0);
  }
  return 0;
}
