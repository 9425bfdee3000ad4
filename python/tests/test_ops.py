"""The operator library against NumPy."""
import numpy as np
import pytest
import tc

rng = np.random.default_rng(0)


def ints(*shape):
    return rng.integers(-3, 4, shape).astype(np.float32)


def test_reductions_take_axis_as_the_others_do():
    X = tc.placeholder((2, 3, 4), name="X")
    x = ints(2, 3, 4)
    for T in (tc.op.sum(X, axis=1), tc.op.sum(X, 1), tc.op.sum(X, axes=1)):
        np.testing.assert_array_equal(tc.evaluate(T, {X: x}), x.sum(1))
    np.testing.assert_array_equal(tc.evaluate(tc.op.max(X, axis=(0, 2)), {X: x}), x.max((0, 2)))
    with pytest.raises(tc.Error) as e:
        tc.op.sum(X, axis=1, axes=1)
    assert e.value.code == "te.op.axis"


def run(T, inputs):
    """By evaluate and by the default schedule."""
    want = tc.evaluate(T, inputs)
    got = np.empty_like(want)
    tc.build(T, [*inputs, T])(*inputs.values(), got)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    return want


def place(a, name):
    return tc.placeholder(a.shape, dtype=a.dtype, name=name)


@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
def test_matmul(ta, tb):
    a, b = ints(3, 5), ints(5, 4)
    A, B = place(a.T.copy() if ta else a, "A"), place(b.T.copy() if tb else b, "B")
    C = tc.op.matmul(A, B, transpose_a=ta, transpose_b=tb)
    np.testing.assert_array_equal(run(C, {A: a.T.copy() if ta else a, B: b.T.copy() if tb else b}), a @ b)


def test_int8_matmul_sums_in_i32():
    a, b = ints(4, 8).astype(np.int8), ints(8, 4).astype(np.int8)
    A, B = place(a, "A"), place(b, "B")
    C = tc.op.matmul(A, B)
    assert C.dtype == "i32"
    np.testing.assert_array_equal(run(C, {A: a, B: b}), a.astype(np.int32) @ b.astype(np.int32))


def test_dense_and_batch_matmul():
    x, w, bias = ints(3, 5), ints(4, 5), ints(4)
    X, W, V = place(x, "X"), place(w, "W"), place(bias, "bias")
    np.testing.assert_array_equal(run(tc.op.dense(X, W, V, act="relu"), {X: x, W: w, V: bias}), np.maximum(x @ w.T + bias, 0))
    a, b = ints(2, 3, 4), ints(2, 4, 5)
    A, B = place(a, "A"), place(b, "B")
    np.testing.assert_array_equal(run(tc.op.batch_matmul(A, B), {A: a, B: b}), a @ b)


def test_conv2d():
    x, w, bias = ints(1, 6, 7, 3), ints(3, 3, 3, 4), ints(4)
    X, W, V = place(x, "X"), place(w, "W"), place(bias, "bias")
    Y = tc.op.conv2d(X, W, V, stride=2, padding=1, act="relu")
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::2, ::2]
    np.testing.assert_array_equal(run(Y, {X: x, W: w, V: bias}), np.maximum(np.einsum("nyxirs,rsio->nyxo", windows, w) + bias, 0))
    assert tc.op.conv2d(X, W, stride=(2, 1), padding=(1, 1, 1, 1)).shape == (1, 3, 7, 4)
    assert tc.op.depthwise_conv2d(X, tc.placeholder((3, 3, 3, 1)), padding=1).shape == (1, 6, 7, 3)
    assert tc.op.max_pool2d(X, kernel=3, stride=2, padding=1).shape == (1, 3, 4, 3)
    for wrong in (dict(act="reluu"), dict(layout="hwcn"), dict(stride=(1, 2, 3)), dict(padding=(1, 2, 3)), dict(stride=0)):
        with pytest.raises(tc.Error) as e:
            tc.op.conv2d(X, W, **wrong)
        assert e.value.code == "te.op.attr"


def test_elementwise_and_broadcast():
    a, b = ints(3, 4), ints(4)
    A, B = place(a, "A"), place(b, "B")
    for name, f in (("add", np.add), ("sub", np.subtract), ("mul", np.multiply), ("maximum", np.maximum)):
        np.testing.assert_array_equal(run(getattr(tc.op, name)(A, B), {A: a, B: b}), f(a, b))
    np.testing.assert_array_equal(run(tc.op.relu(A), {A: a}), np.maximum(a, 0))
    np.testing.assert_array_equal(run(tc.op.clip(A, -1, 2), {A: a}), a.clip(-1, 2))
    np.testing.assert_array_equal(run(tc.op.cast(A, "i8"), {A: a}), a.astype(np.int8))


def test_reductions_and_moves():
    a = ints(2, 3, 4)
    A = place(a, "A")
    np.testing.assert_array_equal(run(tc.op.sum(A, axes=[0, -1], keepdims=True), {A: a}), a.sum((0, 2), keepdims=True))
    np.testing.assert_array_equal(run(tc.op.max(A, 1), {A: a}), a.max(1))
    np.testing.assert_array_equal(run(tc.op.argmax(A), {A: a}), a.argmax(-1))
    np.testing.assert_array_equal(run(tc.op.transpose(A, [2, 0, 1]), {A: a}), a.transpose(2, 0, 1))
    np.testing.assert_array_equal(run(tc.op.reshape(A, (6, -1)), {A: a}), a.reshape(6, -1))
    np.testing.assert_array_equal(run(tc.op.concat([A, A], 1), {A: a}), np.concatenate([a, a], 1))
    np.testing.assert_array_equal(run(tc.op.pad(A, (0, 1, 2), (1, 0, 0), 9), {A: a}), np.pad(a, ((0, 1), (1, 0), (2, 0)), constant_values=9))


def test_recurrences():
    a = ints(3, 4, 5)
    A = place(a, "A")
    np.testing.assert_array_equal(run(tc.op.cumsum(A, 1), {A: a}), a.cumsum(1))
    T, B, K, N = 4, 2, 3, 8
    x, w, u = (rng.standard_normal(s).astype(np.float32) for s in ((T, B, K), (4 * N, K), (4 * N, N)))
    X, W, U = place(x, "X"), place(w, "W"), place(u, "U")
    Y, last, cell = tc.op.lstm(X, W, U)
    sigmoid = lambda v: 1 / (1 + np.exp(-v))
    h = c = np.zeros((B, N), np.float32)
    want = []
    for t in range(T):
        i, f, g, o = np.split(x[t] @ w.T + h @ u.T, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        want.append(h)
    np.testing.assert_allclose(run(Y, {X: x, W: w, U: u}), want, rtol=1e-4, atol=1e-5)
    w3, u3 = w[:3 * N], u[:3 * N]
    W3, U3 = place(w3, "W"), place(u3, "U")
    h, want = np.zeros((B, N), np.float32), []
    for t in range(T):
        (r, z, n), (hr, hz, hn) = np.split(x[t] @ w3.T, 3, axis=1), np.split(h @ u3.T, 3, axis=1)
        r, z = sigmoid(r + hr), sigmoid(z + hz)
        h = (1 - z) * np.tanh(n + r * hn) + z * h
        want.append(h)
    np.testing.assert_allclose(run(tc.op.gru(X, W3, U3)[0], {X: x, W3: w3, U3: u3}), want, rtol=1e-4, atol=1e-5)


def test_normalisation():
    x = rng.standard_normal((4, 16)).astype(np.float32)
    X = place(x, "X")
    e = np.exp(x - x.max(1, keepdims=True))
    np.testing.assert_allclose(run(tc.op.softmax(X), {X: x}), e / e.sum(1, keepdims=True), rtol=1e-5)
    y = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(run(tc.op.layer_norm(X), {X: x}), y, rtol=1e-4, atol=1e-5)


def requantized(sums, mul=1, shift=0, round=False, act="none", low=-128, high=127):
    x = sums.astype(np.int32) * np.int32(mul) + (1 << shift >> 1 if round else 0)
    return np.clip(x >> shift, max(low, 0) if act == "relu" else low, high).astype(np.int8)


@pytest.mark.parametrize("how", [{"shift": 6}, {"mul": 3, "shift": 7, "round": True}, {"shift": 5, "act": "relu"}, {"low": -3, "high": 5}])
def test_int8_operators(how):
    a, b = rng.integers(-128, 128, (4, 9), np.int8), rng.integers(-128, 128, (9, 5), np.int8)
    bias = rng.integers(-999, 999, 5, np.int32)
    A, B, T = place(a, "A"), place(b, "B"), place(bias, "T")
    sums = a.astype(np.int32) @ b + bias
    np.testing.assert_array_equal(tc.evaluate(tc.op.qmatmul(A, B, T, **how), {A: a, B: b, T: bias}), requantized(sums, **how))
    C = tc.op.matmul(A, B, out="i32")
    np.testing.assert_array_equal(tc.evaluate(tc.op.requantize(C, **how), {A: a, B: b}), requantized(sums - bias, **how))

    x, w = rng.integers(-128, 128, (1, 6, 5, 3), np.int8), rng.integers(-128, 128, (3, 3, 3, 5), np.int8)
    X, W = place(x, "X"), place(w, "W")
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x.astype(np.int32), ((0, 0), (1, 1), (1, 1), (0, 0))), (3, 3), axis=(1, 2))
    sums = np.einsum("nyxcrs,rsck->nyxk", windows, w.astype(np.int32)) + bias
    np.testing.assert_array_equal(tc.evaluate(tc.op.qconv2d(X, W, T, padding=1, **how), {X: x, W: w, T: bias}), requantized(sums, **how))
    d = w[:, :, :, :1]
    D = place(np.ascontiguousarray(d), "D")
    sums = np.einsum("nyxcrs,rsc->nyxc", windows, d[..., 0].astype(np.int32))
    got = tc.evaluate(tc.op.qdepthwise_conv2d(X, D, padding=1, **how), {X: x, D: np.ascontiguousarray(d)})
    np.testing.assert_array_equal(got, requantized(sums, **how))
    got = tc.evaluate(tc.op.qavg_pool2d(X, kernel=(2, 1), stride=(2, 1), **how), {X: x})
    np.testing.assert_array_equal(got, requantized(x.reshape(1, 3, 2, 5, 3).astype(np.int32).sum(2), **how))
    y = rng.integers(-128, 128, x.shape, np.int8)
    Y = place(y, "Y")
    np.testing.assert_array_equal(tc.evaluate(tc.op.qadd(X, Y, **how), {X: x, Y: y}), requantized(x.astype(np.int32) + y, **how))


def test_int8_operators_refuse():
    A = tc.placeholder((4, 9), dtype="i8", name="A")
    for wrong in ({"shift": 32}, {"act": "gelu"}, {"low": 5, "high": 4}, {"mul": 1 << 20}):
        with pytest.raises(tc.Error) as e:
            tc.op.qmatmul(A, A, transpose_b=True, **wrong)
        assert e.value.code == "te.op.attr"
