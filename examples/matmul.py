"""A matmul of 1024 x 1024 x 1024: what is computed, how it runs, and a call."""
import numpy as np
import tc

n = 1024
A = tc.placeholder((n, n), dtype="f32", name="A")
B = tc.placeholder((n, n), dtype="f32", name="B")
k = tc.reduce_axis((0, n), name="k")
C = tc.compute((n, n), lambda y, x: tc.sum(A[y, k] * B[k, x], axis=k), name="C")

s = tc.Schedule(C)
y, x = s[C].axes
(kk,) = s[C].reduce_axes
yo, xo, yi, xi = s[C].tile(y, x, 4, 16)
s[C].reorder(yo, xo, kk, yi, xi)
s[C].parallel(yo)
s[C].unroll(yi)
s[C].vectorize(xi)

f = tc.build(s, [A, B, C], target="cpu")
a = np.random.rand(n, n).astype(np.float32)
b = np.random.rand(n, n).astype(np.float32)
c = np.empty((n, n), np.float32)
f(a, b, c)

print(f.ir("nested"))
np.testing.assert_allclose(c, a @ b, rtol=1e-4)
