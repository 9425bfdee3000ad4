"""The module as a guest in a process: quick to import, alone with its LLVM, typed."""
import importlib.util
import os
import pathlib
import pickle
import subprocess
import sys

import pytest
import tc

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULE = tc._tc.__file__
USE = """
import numpy as np, tc
A = tc.placeholder((64,), name="A")
C = tc.compute((64,), lambda i: tc.exp(A[i]), name="C")
a, c = np.ones(64, np.float32), np.zeros(64, np.float32)
tc.build(C)(a, c)
np.testing.assert_allclose(c, np.exp(a), rtol=1e-6)
"""
NUMBA = """
import numba
@numba.njit
def twice(x): return 2 * x
assert twice(21) == 42
"""


def python(program, **env):
    r = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, **env}, timeout=120)
    assert r.returncode == 0, r.stderr
    return r.stdout


def test_import_is_quick_and_light():
    program = "import time; t = time.perf_counter(); import tc; print(time.perf_counter() - t); import sys; print('numpy' in sys.modules)"
    times = []
    for _ in range(3):
        seconds, numpy = python(program).split()
        times.append(float(seconds))
        assert numpy == "False"
    print(f"import tc: {sorted(times)[1] * 1e3:.0f} ms")
    assert min(times) < 2


def test_only_the_entry_point_is_exported():
    symbols = subprocess.run(["nm", "-D", "--defined-only", MODULE], capture_output=True, text=True, check=True).stdout.split("\n")
    assert [s.split()[-1] for s in symbols if s] == ["PyInit__tc"]
    needed = subprocess.run(["readelf", "-d", MODULE], capture_output=True, text=True, check=True).stdout
    assert "libLLVM" not in needed and "libpython" not in needed


@pytest.mark.parametrize("other", ["numba", "llvmlite"])
def test_beside_another_llvm(other):
    if not importlib.util.find_spec(other):
        pytest.skip(f"{other} is not installed")
    use = NUMBA if other == "numba" else "import llvmlite.binding as b; print(b.llvm_version_info)"
    python(use + USE)
    python(USE + use)
    python("import tc\n" + use + USE + use)


def test_errors_are_exceptions_like_any():
    with pytest.raises(tc.Error) as e:
        tc.placeholder((-1,))
    twin = pickle.loads(pickle.dumps(e.value))
    assert isinstance(twin, Exception) and twin.code == "te.shape.negative" and str(twin) == str(e.value) and twin.facts == e.value.facts
    assert "Traceback" not in str(twin) and ".cpp" not in str(twin)


def test_public_names():
    assert len(set(tc.__all__)) == len(tc.__all__)
    for name in tc.__all__:
        assert hasattr(tc, name)
    assert importlib.import_module("tc.op") is tc.op
    assert tc.op.conv2d.__doc__ and "conv2d" in tc.op.__all__
    for name in tc.__all__:
        if callable(getattr(tc, name)):
            assert getattr(tc, name).__doc__, name


def test_types(tmp_path):
    if not importlib.util.find_spec("mypy"):
        pytest.skip("mypy is not installed")
    package = pathlib.Path(tc.__file__).parent
    examples = sorted(str(p) for p in (ROOT / "examples").glob("*.py"))
    env = {**os.environ, "MYPYPATH": str(package.parent)}
    cache = str(package.parent / ".mypy_cache") if os.access(package.parent, os.W_OK) else str(tmp_path)
    run = lambda *args: subprocess.run([sys.executable, "-m", *args], capture_output=True, text=True, env=env, cwd=tmp_path)
    for e in examples:
        r = run("mypy", "--strict", "--cache-dir", cache, e)
        assert r.returncode == 0, r.stdout + r.stderr
    r = run("mypy", "--strict", "--cache-dir", cache, "-p", "tc")
    assert r.returncode == 0, r.stdout + r.stderr


def test_the_stub_has_every_name():
    """Names of the stub and of the module are the same, class by class."""
    import ast
    tree = ast.parse((pathlib.Path(tc.__file__).parent / "__init__.pyi").read_text())
    stub = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            stub[node.name] = {m.name for m in node.body if isinstance(m, ast.FunctionDef)} | {m.target.id for m in node.body if isinstance(m, ast.AnnAssign)}
        elif isinstance(node, ast.FunctionDef):
            stub[node.name] = None
    missing = [n for n in tc.__all__ if n not in stub and n not in ("op", "__version__")]
    assert not missing, missing
    for name, members in stub.items():
        if members is None or name.startswith("_") or name == "Error":
            continue
        real = {m for m in vars(getattr(tc, name)) if not m.startswith("_")}
        written = {m for m in members if not m.startswith("_")} | ({"dtype"} if name in ("Expr", "ReduceAxis") else set())
        assert real == written, (name, real ^ written)
    ops = ast.parse((pathlib.Path(tc.__file__).parent / "op.pyi").read_text())
    assert {n.name for n in ops.body if isinstance(n, ast.FunctionDef)} | {n.target.id for n in ops.body if isinstance(n, ast.AnnAssign)} == set(tc.op.__all__)
