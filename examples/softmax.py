"""A softmax of rows: four stages, computed row by row so that a row stays in the cache.

    softmax.py [ROWS [COLUMNS]]
"""
import sys

import numpy as np
import tc

rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
columns = int(sys.argv[2]) if len(sys.argv) > 2 else 768

X = tc.placeholder((rows, columns), name="X")
k = tc.reduce_axis((0, columns), name="k")
M = tc.compute((rows,), lambda y: tc.max(X[y, k], axis=k), name="M")
E = tc.compute((rows, columns), lambda y, x: tc.exp(X[y, x] - M[y]), name="E")
S = tc.compute((rows,), lambda y: tc.sum(E[y, k], axis=k), name="S")
Y = tc.compute((rows, columns), lambda y, x: E[y, x] / S[y], name="Y")

s = tc.Schedule(Y)
y, x = s[Y].axes
for stage in (S, E, M):                                    # readers first
    s[stage].compute_at(s[Y], y)
for stage in (E, Y):
    xo, xi = s[stage].split("x", 8)
    s[stage].vectorize(xi)
for stage in (M, S):
    ko, ki = s[stage].split("k", 8)
    s[stage].vectorize(ki, reassociate=True)               # sums of floats change order
s[Y].parallel(y)
print(s.loops())

f = tc.build(s, [X, Y], name="softmax")
a = np.random.default_rng(0).standard_normal((rows, columns)).astype(np.float32)
out = np.empty_like(a)
f(a, out)

e = np.exp(a - a.max(axis=1, keepdims=True))
np.testing.assert_allclose(out, e / e.sum(axis=1, keepdims=True), rtol=1e-5, atol=1e-7)
print("as NumPy computes it")
