// Side-by-side runner: loads peers (shared objects with the interface of
// peer.h), measures them in turn, round after round, in one process, checks
// their results against a plain reference, and prints ratios.
// usage: side OP THREADS ROUNDS FILTER peer.so...      (OP: mm mmd cv softmax ...; FILTER: substring or -)
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include "bench.h"
#include "peer.h"
typedef struct {
  const char* (*name)(void);
  void* (*make)(const char*, const void*, int, const float*, const float*);
  void (*run)(void*);
  void (*out)(void*, float*);
  void (*drop)(void*);
  int unpinned;  // the peer creates threads inside each call: its caller must not be bound to one CPU
} peer;
// With more than one thread the caller is bound to CPU 0 once every pool exists, so that a worker
// woken after a pause cannot land on the caller's CPU and wait there for a scheduler tick.
static cpu_set_t all_cpus;
static void bind_caller(int on) {
  cpu_set_t c;
  CPU_ZERO(&c);
  CPU_SET(0, &c);
  sched_setaffinity(0, sizeof c, on ? &c : &all_cpus);
}
#define MAXP 12
static void ref_mm(const mm_shape* s, const float* a, const float* b, float* c) {
  for (int e = 0; e < s->b; e++)
    for (long i = 0; i < s->m; i++) {
      float* r = c + ((size_t)e * s->m + i) * s->n;
      memset(r, 0, (size_t)s->n * 4);
      for (long k = 0; k < s->k; k++) {
        float x = a[((size_t)e * s->m + i) * s->k + k];
        const float* q = b + ((size_t)e * s->k + k) * s->n;
        for (long j = 0; j < s->n; j++) r[j] += x * q[j];
      }
    }
}
static void ref_cv(const cv_shape* s, const float* x, const float* w, float* y) {
  int O = cv_out(s), icg = s->ic / s->g, ocg = s->oc / s->g;
  for (int oc = 0; oc < s->oc; oc++) {
    float* yo = y + (size_t)oc * O * O;
    memset(yo, 0, (size_t)O * O * 4);
    for (int ic = 0; ic < icg; ic++)
      for (int kh = 0; kh < s->k; kh++)
        for (int kw = 0; kw < s->k; kw++) {
          float v = w[(((size_t)oc * icg + ic) * s->k + kh) * s->k + kw];
          const float* xi = x + (size_t)(oc / ocg * icg + ic) * s->hw * s->hw;
          for (int oy = 0; oy < O; oy++) {
            int iy = oy * s->s + kh - s->p;
            if (iy < 0 || iy >= s->hw) continue;
            for (int ox = 0; ox < O; ox++) {
              int ix = ox * s->s + kw - s->p;
              if (ix >= 0 && ix < s->hw) yo[oy * O + ox] += v * xi[iy * s->hw + ix];
            }
          }
        }
  }
}
static void ref_rw(const char* op, const rw_shape* s, const float* x, float* y) {
  long R = s->rows, C = s->cols;
  for (long i = 0; i < R; i++) {
    const float* r = x + i * C;
    float* o = y + i * C;
    double m = -1e30, t = 0, q = 0;
    for (long j = 0; j < C; j++) {
      if (r[j] > m) m = r[j];
      t += r[j];
    }
    if (!strcmp(op, "softmax")) {
      for (long j = 0; j < C; j++) q += exp(r[j] - m);
      for (long j = 0; j < C; j++) o[j] = (float)(exp(r[j] - m) / q);
    } else if (!strcmp(op, "layernorm")) {
      double mu = t / C;
      for (long j = 0; j < C; j++) q += (r[j] - mu) * (r[j] - mu);
      q = 1 / sqrt(q / C + 1e-5);
      for (long j = 0; j < C; j++) o[j] = (float)((r[j] - mu) * q);
    } else if (!strcmp(op, "gelu"))
      for (long j = 0; j < C; j++) o[j] = (float)(0.5 * r[j] * (1 + erf(r[j] * 0.70710678118654752)));
    else if (!strcmp(op, "relu"))
      for (long j = 0; j < C; j++) o[j] = r[j] > 0 ? r[j] : 0;
    else if (!strcmp(op, "exp"))
      for (long j = 0; j < C; j++) o[j] = (float)exp(r[j]);
    else if (!strcmp(op, "add"))
      for (long j = 0; j < C; j++) o[j] = r[j] + r[j];
    else if (!strcmp(op, "rowsum"))
      y[i] = (float)t;
    else
      for (long j = 0; j < C; j++) y[j * R + i] = r[j];  // transpose
  }
}
int main(int argc, char** argv) {
  if (argc < 6) {
    fprintf(stderr, "usage: side OP THREADS ROUNDS FILTER peer.so...\n");
    return 2;
  }
  const char *op = argv[1], *flt = argv[4];
  sched_getaffinity(0, sizeof all_cpus, &all_cpus);
  int nt = atoi(argv[2]), rounds = atoi(argv[3]), np = argc - 5;
  peer P[MAXP];
  for (int i = 0; i < np; i++) {
    void* h = dlopen(argv[5 + i], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (!h) {
      fprintf(stderr, "%s\n", dlerror());
      return 1;
    }
    P[i].name = (const char* (*)(void))dlsym(h, "peer_name");
    P[i].make = (void* (*)(const char*, const void*, int, const float*, const float*))dlsym(h, "peer_make");
    P[i].run = (void (*)(void*))dlsym(h, "peer_run");
    P[i].out = (void (*)(void*, float*))dlsym(h, "peer_out");
    P[i].drop = (void (*)(void*))dlsym(h, "peer_drop");
    P[i].unpinned = dlsym(h, "peer_unpinned") != NULL;
  }
  int kind = !strncmp(op, "mm", 2) ? 0 : !strncmp(op, "cv", 2) ? 1 : 2;
  int n = kind == 0 ? N_MM : kind == 1 ? N_CV : N_RW;
  double logsum[MAXP][MAXP];
  int cnt[MAXP][MAXP];
  memset(logsum, 0, sizeof logsum);
  memset(cnt, 0, sizeof cnt);
  double lbest = 0;
  int nbest = 0;
  printf("%-22s|peak", op);
  for (int i = 0; i < np; i++) printf("|%9s %5s %4s", P[i].name(), "%peak", "+-%");
  printf("|first/best other\n");
  for (int q = 0; q < n; q++) {
    const void* sh = kind == 0 ? (const void*)&MM[q] : kind == 1 ? (const void*)&CV[q] : (const void*)&RW[q];
    char nm[64];
    double gop;
    size_t s0, s1, so;
    if (kind == 0) {
      const mm_shape* s = sh;
      snprintf(nm, sizeof nm, "%s", s->name);
      gop = 2e-9 * s->b * s->m * s->n * s->k;
      s0 = (size_t)s->b * s->m * s->k;
      s1 = (size_t)s->b * s->k * s->n;
      so = (size_t)s->b * s->m * s->n;
    } else if (kind == 1) {
      const cv_shape* s = sh;
      snprintf(nm, sizeof nm, "%s %s", s->net, s->name);
      gop = cv_gflop(s);
      s0 = (size_t)s->ic * s->hw * s->hw;
      s1 = (size_t)s->oc * s->ic / s->g * s->k * s->k;
      so = (size_t)s->oc * cv_out(s) * cv_out(s);
    } else {
      const rw_shape* s = sh;
      snprintf(nm, sizeof nm, "%s", s->name);
      s0 = so = (size_t)s->rows * s->cols;
      s1 = 1;
      double b = 4e-9 * s0;
      gop = !strcmp(op, "add") ? 3 * b : !strcmp(op, "rowsum") ? b : 2 * b;
      if (!strcmp(op, "rowsum")) so = s->rows;
    }
    if (strcmp(flt, "-") && !strstr(nm, flt)) continue;
    float *a = bm_randf(s0, 1, 1), *b = bm_randf(s1, 1, 2), *ref = bm_alloc(so * 4 + 4, 1),
          *out = bm_alloc(so * 4 + 4, 1);
    if (kind == 0)
      ref_mm(sh, a, b, ref);
    else if (kind == 1)
      ref_cv(sh, a, b, ref);
    else
      ref_rw(op, sh, a, ref);
    double scale = 0;
    for (size_t i = 0; i < so; i++)
      if (fabsf(ref[i]) > scale) scale = fabsf(ref[i]);
    void* c[MAXP];
    double t[MAXP][128], err[MAXP];
    long reps[MAXP];
    for (int i = 0; i < np; i++) {
      c[i] = P[i].make(op, sh, nt, a, b);
      if (!c[i]) continue;
      P[i].run(c[i]);
      P[i].run(c[i]);
      P[i].out(c[i], out);
      err[i] = 0;
      for (size_t k = 0; k < so; k++) {
        double d = fabs((double)out[k] - ref[k]);
        if (!(d <= err[i])) err[i] = d;
      }
      err[i] /= scale;
      if (getenv("SIDE_ERR"))
        printf("# %s %s: largest error %.2e of the largest result\n", nm, P[i].name(), err[i]);
      double t0 = bm_now();
      P[i].run(c[i]);
      double d = bm_now() - t0;
      reps[i] = (long)ceil(0.006 / (d > 1e-7 ? d : 1e-7));
    }
    if (nt > 1) bind_caller(1);
    double peak = bm_fma_now();
    for (int r = 0; r < rounds; r++) {
      for (int j = 0; j < np; j++) {
        int i = (j + r) % np;
        if (!c[i]) continue;
        if (nt > 1) {
          double w = bm_now();
          while (bm_now() - w < 0.035) {
            struct timespec ts = {0, 2000000};
            nanosleep(&ts, NULL);
          }
        }
        if (nt > 1) bind_caller(!P[i].unpinned);
        P[i].run(c[i]);
        if (nt > 1) {
          double w = bm_now();
          while (bm_now() - w < 0.002) P[i].run(c[i]);
        }  // workers awake and in place
        double t0 = bm_now();
        for (long k = 0; k < reps[i]; k++) P[i].run(c[i]);
        t[i][r] = (bm_now() - t0) / reps[i];
      }
      double pk = bm_fma_now();
      if (pk > peak) peak = pk;
    }
    if (nt > 1) bind_caller(0);
    bm_stat st[MAXP];
    double best = 1e9;
    for (int i = 0; i < np; i++)
      if (c[i]) {
        st[i] = bm_summary(t[i], rounds);
        if (i && st[i].med < best) best = st[i].med;
      }
    printf("%-22s|%4.0f", nm, peak);
    for (int i = 0; i < np; i++) {
      if (!c[i]) {
        printf("|%9s %5s %4s", "-", "", "");
        continue;
      }
      printf("|%9.2f %5.1f %4.1f%s", kind == 2 ? gop / st[i].med : st[i].med * 1e6,
             kind == 2 ? 0.0 : 100 * gop / st[i].med / (peak * nt), 50 * (st[i].q3 - st[i].q1) / st[i].med,
             err[i] > 2e-3 || err[i] != err[i] ? " WRONG"
             : err[i] > 2e-5                   ? "~"
                                               : "");
    }
    if (c[0] && best < 1e9) {
      printf("|%5.2f", best / st[0].med);
      lbest += log(best / st[0].med);
      nbest++;
    }
    printf("\n");
    fflush(stdout);
    for (int i = 0; i < np; i++)
      for (int j = 0; j < np; j++)
        if (c[i] && c[j]) {
          logsum[i][j] += log(st[j].med / st[i].med);
          cnt[i][j]++;
        }
    for (int i = 0; i < np; i++)
      if (c[i]) P[i].drop(c[i]);
    free(a);
    free(b);
    free(ref);
    free(out);
  }
  printf("geometric means of speed, row over column (shapes both do):\n%12s", "");
  for (int j = 0; j < np; j++) printf(" %12s", P[j].name());
  printf("\n");
  for (int i = 0; i < np; i++) {
    printf("%12s", P[i].name());
    for (int j = 0; j < np; j++)
      printf(" %7.3f (%2d)", cnt[i][j] ? exp(logsum[i][j] / cnt[i][j]) : 0.0, cnt[i][j]);
    printf("\n");
  }
  if (nbest)
    printf("%s over the best other, per shape: geometric mean %.3f over %d\n", P[0].name(),
           exp(lbest / nbest), nbest);
  return 0;
}
