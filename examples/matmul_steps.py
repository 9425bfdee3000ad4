"""A matmul from the plain loops to a tiled, vectorised, packed one, with the time of each.

    matmul_steps.py [SIZE]
"""
import sys
import time
from collections.abc import Callable

import numpy as np
import tc

n = int(sys.argv[1]) if len(sys.argv) > 1 else 512
A = tc.placeholder((n, n), name="A")
B = tc.placeholder((n, n), name="B")
k = tc.reduce_axis((0, n), name="k")
C = tc.compute((n, n), lambda y, x: tc.sum(A[y, k] * B[k, x], axis=k), name="C")


def naive(s: tc.Schedule) -> None:
    """The loops as they are written: y, x, k."""


def reordered(s: tc.Schedule) -> None:
    """x innermost: B and C are read row by row, in vectors."""
    y, x = s[C].axes
    s[C].reorder(y, k, x)
    xo, xi = s[C].split(x, 16)
    s[C].vectorize(xi)


def tiled(s: tc.Schedule) -> None:
    """Tiles of 6 x 16 are summed in registers."""
    y, x = s[C].axes
    yo, xo, yi, xi = s[C].tile(y, x, 6, 16)
    s[C].reorder(xo, yo, k, yi, xi)
    s[C].unroll(yi)
    s[C].vectorize(xi)


def packed(s: tc.Schedule) -> None:
    """The same, and B stands in panels of 16 columns, made once by f.pack."""
    tiled(s)
    s[B].layout("x/16", "y", "x%16")


def parallel(s: tc.Schedule) -> None:
    """The same, panels on all threads."""
    packed(s)
    s[C].parallel("xo")


def seconds(f: Callable[[], None]) -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return sorted(times)[2]


a, b = (np.random.default_rng(i).random((n, n), np.float32) for i in range(2))
c = np.empty((n, n), np.float32)
first = 0.0
print(f"matmul of {n} x {n} x {n}, {tc.num_threads()} threads")
for step in (naive, reordered, tiled, packed, parallel):
    s = tc.Schedule(C)
    step(s)
    f = tc.build(s, [A, B, C], name=step.__name__)
    b_packed = f.pack(B=b)   # b itself where the schedule does not pack
    t = seconds(lambda: f(a, b_packed, c))
    np.testing.assert_allclose(c, a @ b, rtol=1e-3)
    first = first or t
    print(f"{step.__name__:10} {2 * n**3 / t / 1e9:8.1f} GFLOP/s  {first / t:6.1f} x naive")
    if step is tiled:
        print(s.loops())
