"""A convolution with bias and relu, fused: bias and relu are applied to each tile as it is done.

    conv_bias_relu.py [HEIGHT [CHANNELS]]
"""
import sys

import numpy as np
import tc

h = int(sys.argv[1]) if len(sys.argv) > 1 else 56
c = int(sys.argv[2]) if len(sys.argv) > 2 else 64

X = tc.placeholder((1, h + 2, h + 2, c), name="X")         # padded by one on each side
W = tc.placeholder((3, 3, c, c), name="W")                 # r, s, in, out
bias = tc.placeholder((c,), name="bias")
r, s3, ci = tc.reduce_axis((0, 3), "r"), tc.reduce_axis((0, 3), "s"), tc.reduce_axis((0, c), "ci")
Y = tc.compute((1, h, h, c), lambda n, y, x, co: tc.sum(X[n, y + r, x + s3, ci] * W[r, s3, ci, co], axis=[r, s3, ci]), name="Y")
Z = tc.compute((1, h, h, c), lambda n, y, x, co: tc.max(Y[n, y, x, co] + bias[co], 0.0), name="Z")

s = tc.Schedule(Z)
n, y, x, co = s[Z].axes
xo, coo, xi, coi = s[Z].tile(x, co, 4, 16)                 # 4 pixels of 16 channels
s[Z].vectorize(coi)
s[Z].parallel(y)
s[Y].compute_at(s[Z], coo)                                 # only that tile of Y, just before it is used
s[Y].set_scope("stack")
yn, yy, yx, yco = s[Y].axes
s[Y].reorder(r, s3, ci, yn, yy, yx, yco)
s[Y].unroll(yx)
s[Y].vectorize(yco)
print(s.loops())

f = tc.build(s, [X, W, bias, Z], name="conv_bias_relu")
rng = np.random.default_rng(0)
x_, w_, b_ = (rng.random(t.shape, np.float32) - np.float32(0.5) for t in (X, W, bias))
out = np.empty(Z.shape, np.float32)
f(x_, w_, b_, out)

windows = np.lib.stride_tricks.sliding_window_view(x_, (3, 3), axis=(1, 2))   # n, y, x, ci, r, s
expected = np.maximum(np.einsum("nyxirs,rsio->nyxo", windows, w_) + b_, 0)
np.testing.assert_allclose(out, expected, rtol=1e-3, atol=1e-3)
print("as NumPy computes it")
