"""A quantised convolution block on the accelerator: convolution, bias, shift, relu, and the sum
with its input (a residual), fused where the machine can; the same on machines of other tiles.

    accel_conv.py [HEIGHT [CHANNELS]]
"""
import sys

import numpy as np
import tc

h = int(sys.argv[1]) if len(sys.argv) > 1 else 14
c = int(sys.argv[2]) if len(sys.argv) > 2 else 32


def clipped(x: tc.Expr, low: int) -> tc.Expr:
    return tc.cast(tc.min(tc.max(x, low), 127), "i8")


X = tc.placeholder((1, c, h, h), dtype="i8", name="X")
W = tc.placeholder((c, c, 3, 3), dtype="i8", name="W")
bias = tc.placeholder((c,), dtype="i32", name="bias")
Y = tc.op.conv2d(X, W, padding=1, layout="nchw", name="Y")          # int8 x int8, summed in int32
Z = tc.compute(Y.shape, lambda n, k, y, x: clipped((Y[n, k, y, x] + bias[k]) >> 8, 0), name="Z")
R = tc.compute(Y.shape, lambda n, k, y, x: clipped(tc.cast(Z[n, k, y, x], "i32") + tc.cast(X[n, k, y, x], "i32"), -128), name="R")

rng = np.random.default_rng(0)
x = rng.integers(-128, 128, X.shape, np.int8)
w = rng.integers(-64, 64, W.shape, np.int8)
b = rng.integers(-3000, 3000, bias.shape, np.int32)

windows = np.lib.stride_tricks.sliding_window_view(np.pad(x.astype(np.int32), ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), axis=(2, 3))
sums = np.einsum("ncyxrs,kcrs->nkyx", windows, w.astype(np.int32))
expected = np.clip(np.clip((sums + b[:, None, None]) >> 8, 0, 127) + x, -128, 127)

for machine in ("vta", "vta-1x32x32", "vta-4x16x16"):
    f = tc.build([X, W, bias, R], target=tc.Target("accel", machine), name="block")
    out = np.empty(R.shape, np.int8)
    profile = f.profile(x, w, b, out)
    np.testing.assert_array_equal(out, expected)
    for seed in range(3):                                           # the tokens alone decide what may go first
        out[:] = 0
        f.profile(x, w, b, out, order="random", seed=seed)
        np.testing.assert_array_equal(out, expected)
    print(f"{machine:12} {profile.cycles:7} cycles, compute occupied in {profile.occupancy:.0%} of them; {f.explain()}")
