/* A deployed program: runs the matmul that compile exported. It is C, links the
 * runtime and nothing else, and knows neither tc's compiler nor LLVM. */
#include <stdio.h>

#include "matmul.h"

enum { kN = 67 };

static float a[kN * kN], b[kN * kN], c[kN * kN];

int main(void) {
  for (int i = 0; i < kN * kN; ++i) {
    a[i] = b[i] = (float)(i % 3);
    c[i] = -1;
  }
  if (matmul_run(a, b, c) != 0) {
    printf("%s\n", tc_last_error());
    return 1;
  }
  for (int y = 0; y < kN; ++y)
    for (int x = 0; x < kN; ++x) {
      float sum = 0;
      for (int k = 0; k < kN; ++k) sum += a[y * kN + k] * b[k * kN + x];
      if (c[y * kN + x] != sum) {
        printf("C[%d, %d] is %g, not %g\n", y, x, c[y * kN + x], sum);
        return 1;
      }
    }
  if (matmul(NULL, 2) == 0) {
    printf("a call without arguments was not refused\n");
    return 1;
  }
  printf("deploy: ok, %d threads; refused: %s\n", tc_num_threads(), tc_last_error());
  return 0;
}
