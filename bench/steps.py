"""Steps that change the algorithm, beside the same operator without them: rfactor and tensorize.

    steps.py [ROUNDS]

Medians of interleaved repetitions; every result is checked. The limit of the bytes is taken as four times
the rate of floats, that of a float matmul with the best tile known, in the same process: four byte products
stand in the lane of one float. What memory allows is printed by bench/limits.
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


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 51
    total(rounds)
    tc.set_num_threads(1)
    bytes_matmul(rounds)


if __name__ == "__main__":
    main()
