// A CBLAS library (OpenBLAS, BLIS) as a peer; the library is chosen at link time.
#include "bench.h"
#include "peer.h"
#ifndef PNAME
#define PNAME "blas"
#endif
void cblas_sgemm(int, int, int, int, int, int, float, const float*, int, const float*, int, float, float*,
                 int);
void cblas_sgemv(int, int, int, int, float, const float*, int, const float*, int, float, float*, int);
#ifdef BLIS
void bli_thread_set_num_threads(long);
#define SET_THREADS(n) bli_thread_set_num_threads(n)
const int peer_unpinned = 1;  // BLIS creates its threads in every call
#elif defined(OPENBLAS)
void openblas_set_num_threads(int);
#define SET_THREADS(n) openblas_set_num_threads(n)
#else
#define SET_THREADS(n) (void)(n)
#endif
typedef struct {
  mm_shape s;
  int nt;
  const float *a, *b;
  float* c;
} ctx;
const char* peer_name(void) { return PNAME; }
void* peer_make(const char* op, const void* sh, int nt, const float* a, const float* b) {
  if (strncmp(op, "mm", 2)) return NULL;
  ctx* c = (ctx*)calloc(1, sizeof *c);
  c->s = *(const mm_shape*)sh;
  c->nt = nt;
  c->a = a;
  c->b = b;
  c->c = (float*)bm_alloc((size_t)c->s.b * c->s.m * c->s.n * 4, 1);
  return c;
}
void peer_run(void* p) {
  ctx* c = (ctx*)p;
  int m = c->s.m, n = c->s.n, k = c->s.k;
  SET_THREADS(c->nt);
  if (m == 1 && c->s.b == 1) {
    cblas_sgemv(101, 112, k, n, 1.0f, c->b, n, c->a, 1, 0.0f, c->c, 1);
    return;
  }
  for (int i = 0; i < c->s.b; i++)
    cblas_sgemm(101, 111, 111, m, n, k, 1.0f, c->a + (size_t)i * m * k, k, c->b + (size_t)i * k * n, n, 0.0f,
                c->c + (size_t)i * m * n, n);
}
void peer_out(void* p, float* o) {
  ctx* c = (ctx*)p;
  memcpy(o, c->c, (size_t)c->s.b * c->s.m * c->s.n * 4);
}
void peer_drop(void* p) {
  ctx* c = (ctx*)p;
  free(c->c);
  free(c);
}
