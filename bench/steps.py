"""Steps that change the algorithm, beside the same operator without them: rfactor and tensorize; and scan.

    steps.py [ROUNDS]

Medians of interleaved repetitions; every result is checked. The limit of the bytes is taken as four times
the rate of floats, that of a float matmul with the best tile known, in the same process: four byte products
stand in the lane of one float; that of the recurrence is this rate itself. What memory allows is printed by bench/limits.
"""
import sys
import time
from collections.abc import Callable

import numpy as np
import tc


def medians(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: sorted(t)[len(t) // 2] for name, t in times.items()}


def matmul(n: int, types: tuple[str, str, str]) -> tuple[tc.Tensor, tc.Tensor, tc.Tensor, tc.ReduceAxis]:
    A, B = tc.placeholder((n, n), dtype=types[0], name="A"), tc.placeholder((n, n), dtype=types[1], name="B")
    k = tc.reduce_axis((0, n), name="k")
    C = tc.compute((n, n), lambda y, x: tc.sum(tc.cast(types[2], A[y, k]) * tc.cast(types[2], B[k, x]), axis=k), name="C")
    return A, B, C, k


def tiles(s: tc.Schedule, B: tc.Tensor, C: tc.Tensor, k: tc.ReduceAxis, rows: int, columns: int, group: int) -> None:
    y, x = s[C].axes
    yo, xo, yi, xi = s[C].tile(y, x, rows, columns)
    xio, xii = s[C].split(xi, 16)
    if group == 1:
        s[C].reorder(xo, yo, k, yi, xio, xii)
        s[C].vectorize(xii)
        s[B].layout(f"x/{columns}", "y", f"x%{columns}")
    else:
        ko, ki = s[C].split(k, group)
        s[C].reorder(xo, yo, ko, yi, xio, xii, ki)
        s[B].layout(f"x/{columns}", f"y/{group}", f"x%{columns}", f"y%{group}")
        s[C].tensorize(xii, f"dot_u8_i8_16x{group}")
    s[C].unroll(yi)
    s[C].unroll(xio)


def bytes_matmul(rounds: int, n: int = 512) -> None:
    rng = np.random.default_rng(0)
    u, i = rng.integers(0, 256, (n, n)).astype(np.uint8), rng.integers(-128, 128, (n, n)).astype(np.int8)
    f = rng.random((n, n), np.float32)
    runs: dict[str, Callable[[], object]] = {}
    for name, types, group in (("float", ("f32", "f32", "f32"), 1), ("without", ("u8", "i8", "i32"), 1), ("tensorized", ("u8", "i8", "i32"), 4)):
        A, B, C, k = matmul(n, types)
        s = tc.Schedule(C)
        tiles(s, B, C, k, 8 if name == "float" else 6, 48 if name == "float" else 64, group)
        g = tc.build(s, [A, B, C], name=name)
        a, b = (f, f) if name == "float" else (u, i)
        c = np.empty((n, n), types[2] == "f32" and np.float32 or np.int32)
        packed = g.pack(B=b)
        g(a, packed, c)
        if name != "float":
            np.testing.assert_array_equal(c, u.astype(np.int32) @ i.astype(np.int32))
        runs[name] = lambda g=g, a=a, packed=packed, c=c: g(a, packed, c)
    t = medians(runs, rounds)
    print(f"u8 x i8 matmul {n}: tensorized {2 * n**3 / t['tensorized'] / 1e9:.0f} Gop/s, {t['float'] / t['tensorized'] / 4:.0%} of four times the float rate "
          f"({2 * n**3 / t['float'] / 1e9:.0f} GFLOP/s); {t['without'] / t['tensorized']:.2f} times the same tiles without the step")


def float_matmul(n: int = 512) -> tuple[int, Callable[[], object]]:
    """Its operations, and what runs it: the rate of floats that the best tile known reaches."""
    A, B, C, k = matmul(n, ("f32", "f32", "f32"))
    s = tc.Schedule(C)
    tiles(s, B, C, k, 8, 48, 1)
    g = tc.build(s, [A, B, C], name="float")
    f, c = np.random.default_rng(0).random((n, n), np.float32), np.empty((n, n), np.float32)
    packed = g.pack(B=f)
    return 2 * n**3, lambda: g(f, packed, c)


def total(rounds: int, n: int = 1 << 20) -> None:
    X = tc.placeholder((n,), name="X")
    k = tc.reduce_axis((0, n), name="k")
    Y = tc.compute((), lambda: tc.sum(X[k], axis=k), name="Y")
    x = np.random.default_rng(0).integers(-8, 8, n).astype(np.float32)
    runs: dict[str, Callable[[], object]] = {}
    for name in ("without", "rfactored"):
        s = tc.Schedule(Y)
        if name == "without":
            ko, ki = s[Y].split(k, 128)
            s[Y].vectorize(ki, reassociate=True)
        else:
            ko, ki = s[Y].split(k, n // tc.num_threads())
            part = s[Y].rfactor(ko, 0, reassociate=True)
            (chunk,) = part.axes
            _, lanes = part.split(part.reduce_axes[0], 128)
            part.vectorize(lanes, reassociate=True)
            part.parallel(chunk)
        g = tc.build(s, [X, Y], name=name)
        y = np.empty((), np.float32)
        g(x, y)
        assert y == x.sum(dtype=np.float64)
        runs[name] = lambda g=g, y=y: g(x, y)
    t = medians(runs, rounds)
    print(f"sum of {n} floats: rfactored over {tc.num_threads()} threads {4 * n / t['rfactored'] / 1e9:.0f} GB/s, "
          f"{t['without'] / t['rfactored']:.2f} times the same loops without the step")


def gates(s: tc.Schedule, stage: str, weights: tc.Tensor | None, rows: int = 8, columns: int = 32) -> None:
    """Tiles in registers of what is reduced over k for rows b and columns n, the last two axes."""
    g = s[stage]
    b, n = g.axes[-2:]
    (k,) = g.reduce_axes
    bo, no, bi, ni = g.tile(b, n, rows, columns)
    nu, nl = g.split(ni, 16)
    g.reorder(no, bo, k, bi, nu, nl)
    g.unroll(bi)
    g.unroll(nu)
    g.vectorize(nl)
    if weights is not None:
        s[weights].layout(f"y/{columns}", "x", f"y%{columns}")


def in_vectors(s: tc.Schedule, stage: str) -> None:
    _, lanes = s[stage].split(s[stage].axes[-1], 16)
    s[stage].vectorize(lanes)


def lstm(rounds: int, times: int = 16, batch: int = 16, n: int = 256) -> None:
    X = tc.placeholder((times, batch, n), name="X")
    W, U = tc.placeholder((4 * n, n), name="W"), tc.placeholder((4 * n, n), name="U")
    H0, C0 = tc.placeholder((batch, n), name="H0"), tc.placeholder((batch, n), name="C0")
    scanned = tc.op.lstm(X, W, U, h0=H0, c0=C0)[1]
    s = tc.Schedule(scanned)
    gates(s, "P", W)
    gates(s, "R", U)
    for stage in ("Y_c", "Y_h"):
        in_vectors(s, stage)

    # the same with stages of its own for every time
    k, j = tc.reduce_axis((0, n), name="k"), tc.reduce_axis((0, n), name="j")
    P = tc.compute((times, batch, 4 * n), lambda t, b, i: tc.sum(X[t, b, k] * W[i, k], axis=k), name="P")
    h, c = H0, C0
    for t in range(times):
        R = tc.compute((batch, 4 * n), lambda b, i, h=h: tc.sum(h[b, j] * U[i, j], axis=j), name=f"R{t}")
        gate = [lambda b, i, t=t, R=R, at=which * n: P[t, b, i + at] + R[b, i + at] for which in range(4)]
        c = tc.compute(
            (batch, n),
            lambda b, i, gate=gate, c=c: tc.sigmoid(gate[1](b, i)) * c[b, i] + tc.sigmoid(gate[0](b, i)) * tc.tanh(gate[2](b, i)),
            name=f"c{t}",
        )
        h = tc.compute((batch, n), lambda b, i, gate=gate, c=c: tc.sigmoid(gate[3](b, i)) * tc.tanh(c[b, i]), name=f"h{t}")
    u = tc.Schedule(h)
    gates(u, "P", W)
    for t in range(times):
        gates(u, f"R{t}", U if t == 0 else None)
        for stage in (f"c{t}", f"h{t}"):
            in_vectors(u, stage)

    rng = np.random.default_rng(0)
    x, w, r, h0, c0 = (rng.standard_normal(a.shape).astype(np.float32) / 16 for a in (X, W, U, H0, C0))
    runs: dict[str, Callable[[], object]] = {}
    results = {}
    for name, schedule, out in (("scan", s, scanned), ("unscanned", u, h)):
        g = tc.build(schedule, [X, W, U, H0, C0, out], name=name)
        args = [x, g.pack(W=w), g.pack(U=r), h0, c0, np.empty((batch, n), np.float32)]
        g(*args)
        results[name] = args[-1]
        runs[name] = lambda g=g, args=args: g(*args)
    np.testing.assert_allclose(results["scan"], results["unscanned"], rtol=1e-4, atol=1e-5)
    rate, runs["float"] = float_matmul()
    t = medians(runs, rounds)
    flops = 2 * times * batch * 4 * n * 2 * n
    print(f"LSTM of {times} times, {batch} x {n}: scan {flops / t['scan'] / 1e9:.0f} GFLOP/s, {flops / t['scan'] / (rate / t['float']):.0%} of the float rate; "
          f"{t['unscanned'] / t['scan']:.2f} times the same with stages of its own for every time")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 51
    total(rounds)
    tc.set_num_threads(1)
    bytes_matmul(rounds)
    lstm(rounds)


if __name__ == "__main__":
    main()
