"""The schedules of docs/tutorial.md beside NumPy's BLAS: medians of interleaved repetitions.

    tutorial.py [ROUNDS]
"""
import ctypes
import os
import pathlib
import re
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")
import numpy as np  # noqa: E402  (reads the variable)
import tc  # noqa: E402

PAGE = pathlib.Path(__file__).resolve().parents[1] / "docs" / "tutorial.md"
STEPS = ("as_written", "vectors", "registers", "panels", "threads")


def definitions() -> dict:
    """What the page defines; its other statements print and check, and are left out."""
    names: dict = {}
    for block in re.findall(r"^```python\n(.*?)^```\n", PAGE.read_text(), re.M | re.S):
        head, _, _ = block.partition("\ns = tc.Schedule(C)\n")
        exec(compile(head, str(PAGE), "exec"), names)
    return names


def blas_threads() -> Callable[[int], None]:
    """Sets the threads of the OpenBLAS that NumPy has loaded; none if it has another BLAS."""
    for line in pathlib.Path("/proc/self/maps").read_text().splitlines():
        path = line.rpartition(" ")[2]
        if "openblas" in path:
            library = ctypes.CDLL(path)
            for name in ("openblas_set_num_threads", "openblas_set_num_threads64_", "scipy_openblas_set_num_threads64_"):
                if hasattr(library, name):
                    return getattr(library, name)
    sys.exit("NumPy has no OpenBLAS here whose threads could be set")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    page = definitions()
    A, B, C, n = page["A"], page["B"], page["C"], page["n"]
    rng = np.random.default_rng(0)
    a, b = (rng.random((n, n), np.float32) for _ in range(2))
    c = np.empty((n, n), np.float32)
    set_blas = blas_threads()

    def library(threads: int) -> Callable[[], None]:
        return lambda: (set_blas(threads), np.matmul(a, b, out=c))

    runs: dict[str, Callable[[], None]] = {"library, 1 thread": library(1), "library, 2 threads": library(2)}
    for name in STEPS:
        s = tc.Schedule(C)
        page[name](s)
        f = tc.build(s, [A, B, C], name=name)
        packed = f.pack(B=b)
        f(a, packed, c)
        np.testing.assert_allclose(c, a @ b, rtol=1e-3)
        runs[name] = lambda f=f, packed=packed: f(a, packed, c)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for i in range(rounds):
        for name, run in runs.items():
            if name == "as_written" and i >= 3:
                continue
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    median = {name: sorted(t)[len(t) // 2] for name, t in times.items()}
    print("| schedule | GFLOP/s | over as written | over the library |")
    print("| --- | --- | --- | --- |")
    for name in STEPS:
        peer = median["library, 2 threads" if name == "threads" else "library, 1 thread"]
        print(f"| {name.replace('_', ' ')} | {2 * n**3 / median[name] / 1e9:.1f} | {median['as_written'] / median[name]:.0f} | {peer / median[name]:.2f} |")


if __name__ == "__main__":
    main()
