/* A deployed program in C11: it links with the runtime and libc alone (the C
 * linker driver adds no libstdc++), calls a compiled function, and sees its
 * refusal. Exit status 0 if all is as it should be. */
#include <stdio.h>
#include <string.h>

#include "tc/runtime/c_api.h"

int32_t scale(const DLTensor* const* args, int32_t n);

int main(void) {
  enum { kSize = 1000 };
  float *x = tc_alloc(kSize * sizeof *x), *y = tc_alloc(kSize * sizeof *y);
  int64_t shape[] = {kSize};
  DLTensor tx = {x, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, NULL, 0};
  DLTensor ty = tx;
  const DLTensor* args[] = {&tx, &ty};
  if (x == NULL || y == NULL) return 1;
  ty.data = y;
  tc_set_num_threads(2);
  for (int i = 0; i < kSize; ++i) x[i] = (float)i;
  if (scale(args, 2) != 0) return 2;
  for (int i = 0; i < kSize; ++i) {
    if (y[i] != 2 * x[i]) return 3;
  }
  if (scale(args, 1) == 0 || strncmp(tc_last_error(), "error[runtime.arg.count]", 24) != 0) return 4;
  tc_free(x);
  tc_free(y);
  return 0;
}
