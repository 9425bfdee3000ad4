"""Functions and arrays: no copies, nothing wrong accepted."""
import array
import gc
import pathlib
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tc


def scaled(n=8, dtype="f32", factor=2):
    A = tc.placeholder((n,), dtype=dtype, name="A")
    return A, tc.compute((n,), lambda i: A[i] * factor, name="C")


def build(n=8, dtype="f32"):
    A, C = scaled(n, dtype)
    return tc.build(tc.Schedule(C), [A, C])


def refuse(f, *args):
    with pytest.raises(tc.Error) as e:
        f(*args)
    return e.value


@pytest.mark.parametrize("dtype", "float64 float32 float16 int64 int32 int16 int8 uint64 uint32 uint16 uint8".split())
def test_element_types(dtype):
    a, c = np.arange(8).astype(dtype), np.zeros(8, dtype)
    build(dtype=dtype)(a, c)
    np.testing.assert_array_equal(c, a * np.array(2, dtype))


def test_bool():
    A = tc.placeholder((4,), dtype="bool", name="A")
    C = tc.compute((4,), lambda i: ~A[i], name="C")
    a, c = np.array([True, False, True, True]), np.zeros(4, bool)
    tc.build(tc.Schedule(C), [A, C])(a, c)
    assert (c == ~a).all()


def test_bf16_comes_as_uint16():
    A = tc.placeholder((4,), dtype="bf16", name="A")
    C = tc.compute((4,), lambda i: A[i] + A[i], name="C")
    one = np.full(4, 0x3F80, np.uint16)                       # 1.0
    c = np.zeros(4, np.uint16)
    tc.build(tc.Schedule(C), [A, C])(one, c)
    assert (c == 0x4000).all()                                # 2.0
    assert tc.evaluate(C, {A: one}).dtype == np.uint16
    assert (tc.evaluate(C, {A: one}) == 0x4000).all()


def test_a_part_of_an_array_is_written_in_place():
    big = np.zeros((4, 8), np.float32)
    build()(np.ones(8, np.float32), big[2])
    assert (big.sum(axis=1) == [0, 0, 16, 0]).all()


class ArrayInterface:
    def __init__(self, a):
        self.a, self.__array_interface__ = a, a.__array_interface__


class OldDlpack:
    """As before DLPack 1: __dlpack__ takes no max_version."""

    def __init__(self, a):
        self.a = a

    def __dlpack__(self, stream=None):
        return self.a.__dlpack__()

    def __dlpack_device__(self):
        return self.a.__dlpack_device__()


class NewDlpack(OldDlpack):
    def __dlpack__(self, **options):
        return self.a.__dlpack__(**options)


@pytest.mark.parametrize("wrap", [ArrayInterface, OldDlpack, NewDlpack, memoryview, tc.from_dlpack])
def test_any_array_is_taken_and_written(wrap):
    f = build()
    a, c = np.arange(8, dtype=np.float32), np.zeros(8, np.float32)
    f(wrap(a), wrap(c))
    np.testing.assert_array_equal(c, 2 * a)


def test_arrays_of_the_standard_library():
    a, c = array.array("f", range(8)), array.array("f", [0] * 8)
    build()(a, c)
    assert list(c) == [2 * x for x in range(8)]


def test_no_copy_in_or_out():
    a = np.zeros((3, 4), np.float32)
    n = tc.from_dlpack(a)
    assert n.__array_interface__["data"][0] == a.ctypes.data
    assert np.asarray(n).ctypes.data == np.from_dlpack(n).ctypes.data == n.numpy().ctypes.data == a.ctypes.data
    assert memoryview(n).shape == (3, 4) == n.shape and n.ndim == 2 and len(n) == 3 and n.dtype == "f32"
    n.numpy()[1, 2] = 7
    assert a[1, 2] == 7


def test_arrays_live_as_long_as_their_readers():
    e = tc.empty((1 << 16,), "i32")
    assert e.__array_interface__["data"][0] % 64 == 0
    views = [np.asarray(e), np.from_dlpack(e), memoryview(e)]
    views[0][:] = 5
    del e
    gc.collect()
    assert all(np.asarray(v).sum() == 5 << 16 for v in views)
    n = tc.from_dlpack(np.full(1 << 16, 3, np.int32))         # the array is held by n alone
    gc.collect()
    assert n.numpy().sum() == 3 << 16
    n.__dlpack__(), n.__dlpack__(max_version=(1, 0))          # capsules that nobody takes


def test_dlpack_versions_and_devices():
    e = tc.empty((2, 3))
    assert e.__dlpack_device__() == (1, 0)
    assert "dltensor_versioned" in repr(e.__dlpack__(max_version=(1, 1)))
    assert '"dltensor"' in repr(e.__dlpack__())
    for wrong in ({"stream": 1}, {"dl_device": (2, 0)}, {"copy": True}):
        with pytest.raises(BufferError):
            e.__dlpack__(**wrong)


def test_read_only_arrays_are_inputs_only():
    f = build()
    a = np.arange(8, dtype=np.float32)
    a.flags.writeable = False
    c = np.zeros(8, np.float32)
    f(a, c)
    assert (c == 2 * a).all()
    for wrap in (lambda x: x, NewDlpack, ArrayInterface, memoryview, tc.from_dlpack, bytes):
        assert refuse(f, c, wrap(a)).code in ("runtime.arg.readonly", "runtime.arg.dtype")
    n = tc.from_dlpack(a)
    assert memoryview(n).readonly
    with pytest.raises(BufferError):
        n.__dlpack__()


def test_wrong_arguments_are_refused():
    f = build()
    a, c = np.zeros(8, np.float32), np.zeros(8, np.float32)
    assert refuse(f, a).code == "runtime.arg.count"
    assert refuse(f, [0.0] * 8, c).code == "runtime.arg.type"
    assert refuse(f, None, c).code == "runtime.arg.type"
    assert refuse(f, a.astype(np.float64), c).code == "runtime.arg.dtype"
    assert refuse(f, a.astype(complex), c).code == "runtime.arg.dtype"
    assert refuse(f, a.astype(">f4"), c).code == "runtime.arg.dtype"
    assert refuse(f, np.array(["x"] * 8), c).code == "runtime.arg.dtype"
    assert refuse(f, a.reshape(2, 4), c).code == "runtime.arg.rank"
    assert refuse(f, a[:4], c).code == "runtime.arg.shape"
    assert refuse(f, np.zeros(16, np.float32)[::2], c).code == "runtime.arg.strides"
    assert refuse(f, np.zeros(33, np.int8)[1:].view(np.float32), c).code == "runtime.arg.alignment"
    assert refuse(f, a, a).code == "runtime.arg.overlap"
    e = refuse(f, a[:4], c)
    assert "A" in str(e) and e.facts["at"].startswith("test_function.py:") and e.fix
    with pytest.raises(TypeError):
        f(a, c=c)


def test_zero_sizes():
    for n in (0, 1):
        a, c = np.ones(n, np.float32), np.zeros(n, np.float32)
        build(n)(a, c)
        assert (c == 2).all()


def test_what_a_function_says():
    A, C = scaled()
    f = tc.build(tc.Schedule(C), [A, C], name="twice", target=tc.Target("cpu"))
    assert f.name == "twice" and repr(f) == "Function(twice(A, C))"
    assert [(a.name, a.dtype, a.shape, a.is_output) for a in f.args] == [("A", "f32", (8,), False), ("C", "f32", (8,), True)]
    assert "default" in f.explain() and f.schedule() == ""
    assert "define" in f.llvm() and "ret" in f.asm() and "func twice" in f.ir()
    assert refuse(f.ir, "moon").code == "codegen.form"
    assert [a.name for a in tc.build(C).args] == ["A", "C"]   # inputs, then outputs
    s = tc.Schedule(C)
    s[C].split("i", 4)
    assert tc.build(s, [A, C]).schedule() == s.text()


def test_wrong_builds_are_refused():
    A, C = scaled()
    s = tc.Schedule(C)
    assert refuse(tc.build, s, [C]).code == "te.args.missing"
    assert refuse(tc.build, s, [A, C, tc.placeholder((2,), name="Z")]).code == "te.args.unused"
    assert refuse(tc.build, s, [A, C], "gpu").code.startswith("codegen.target")
    assert refuse(lambda: tc.build(s, [A, C], log="x")).code == "autotune.log.use"
    assert refuse(tc.build, 3).code == "te.tensors"


def packed_matmul():
    n = 32
    A, B = tc.placeholder((n, n), name="A"), tc.placeholder((n, n), name="B")
    k = tc.reduce_axis((0, n), name="k")
    C = tc.compute((n, n), lambda y, x: tc.sum(A[y, k] * B[k, x], axis=k), name="C")
    s = tc.Schedule(C)
    s[B].layout("x/8", "y", "x%8")
    return tc.build(s, [A, B, C], name="packed_matmul")


def test_pack():
    f = packed_matmul()
    assert f.packed_args == ["B"]
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-4, 5, (32, 32)).astype(np.float32) for _ in range(2))
    plain, packed = np.zeros((2, 32, 32), np.float32)
    B = f.pack(B=b)
    assert B.shape == (4, 32, 8)
    f(a, b, plain)
    f(a, B, packed)
    np.testing.assert_array_equal(plain, a @ b)
    np.testing.assert_array_equal(packed, a @ b)
    same, again = f.pack(A=a, B=b)                            # A is not packed: itself
    assert same.__array_interface__["data"][0] == a.ctypes.data
    f(same, again, packed)
    np.testing.assert_array_equal(packed, a @ b)
    assert refuse(lambda: f.pack(Q=b)).code == "runtime.pack"
    assert refuse(lambda: f.pack()).code == "runtime.pack"
    assert refuse(lambda: f.pack(B=b[:4])).code.startswith("runtime.arg")


def test_export_makes_files_that_run_without_tc(tmp_path):
    f = packed_matmul()
    f.export(tmp_path / "mm", llvm=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["libmm.so", "mm.h", "mm.ll", "mm.o"]
    undefined = subprocess.run(["nm", "-D", "-u", tmp_path / "libmm.so"], capture_output=True, text=True, check=True).stdout
    assert "LLVM" not in undefined and "Py" not in undefined
    f.export(str(tmp_path / "only"), header=False, shared=False)
    assert (tmp_path / "only.o").exists() and not (tmp_path / "only.h").exists()
    assert refuse(f.export, tmp_path / "mm.h" / "x").code.startswith("io.")


LOAD = """
import ctypes, sys
rows = ctypes.CDLL(sys.argv[1]).rows_raw
a, c = (ctypes.c_float * 64)(*range(64)), (ctypes.c_float * 64)()
assert rows((ctypes.c_void_p * 2)(ctypes.addressof(a), ctypes.addressof(c))) == 0 and list(c) == [2.0 * i for i in range(64)]
"""


def test_an_exported_library_loads_from_python(tmp_path):
    A = tc.placeholder((8, 8), name="A")
    C = tc.compute((8, 8), lambda y, x: A[y, x] * 2, name="C")
    s = tc.Schedule(C)
    s[C].parallel("y")
    tc.build(s, [A, C], name="rows").export(tmp_path / "rows")
    library = tmp_path / "librows.so"
    exec(compile(LOAD.replace("sys.argv[1]", repr(str(library))), "same process", "exec"), {})
    subprocess.run([sys.executable, "-c", LOAD, library], check=True)
    # away from the tc that made it, beside the runtime, as it is deployed
    runtime = next((pathlib.Path(tc.__file__).parent / "lib").glob("libtc_runtime.so.*"))
    needed = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True).stdout
    assert runtime.name in needed and "$ORIGIN" in needed
    place = tmp_path / "deployed"
    place.mkdir()
    library.rename(place / library.name)
    shutil.copy(runtime, place / runtime.name)
    where = "maps = open('/proc/self/maps').read(); assert maps.count('/libtc_runtime') == maps.count(sys.argv[2]) > 0"
    subprocess.run([sys.executable, "-c", LOAD + where, place / library.name, place / runtime.name], check=True)


def test_other_threads_run_meanwhile():
    """The GIL is released: a thread of Python makes progress while a kernel runs."""
    n = 1 << 11
    A = tc.placeholder((n,), name="A")
    k = tc.reduce_axis((0, n * 64), name="k")
    C = tc.compute((n,), lambda i: tc.sum(tc.sin(A[i] + tc.cast("f32", k)), axis=k), name="C")
    f = tc.build(tc.Schedule(C), [A, C])
    a, c = np.zeros(n, np.float32), np.zeros(n, np.float32)
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    begin = time.perf_counter()
    f(a, c)
    end = time.perf_counter()
    done.set()
    thread.join()
    during = [t for t in ticks if begin < t < end]
    assert len(during) >= 3, (len(during), end - begin)


def test_calls_from_several_threads():
    f = build(1 << 12)
    results = {}

    def work(i):
        a, c = np.full(1 << 12, i, np.float32), np.zeros(1 << 12, np.float32)
        for _ in range(50):
            f(a, c)
        results[i] = c

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all((results[i] == 2 * i).all() for i in range(4))


def test_a_list_with_inputs_is_one_of_arguments():
    A = tc.placeholder((4,), name="A")
    B = tc.compute((4,), lambda i: A[i] + 1.0, name="B")
    C = tc.compute((4,), lambda i: B[i] * 2.0, name="C")
    a, b, c = np.ones(4, np.float32), np.zeros(4, np.float32), np.zeros(4, np.float32)
    tc.build([C, A])(c, a)
    assert (c == 4).all()
    tc.build([A, C, B])(a, c, b)
    assert (b == 2).all() and (c == 4).all()
    with pytest.raises(tc.Error):
        tc.build([A])


def test_num_threads():
    tc.set_num_threads(0)
    default = tc.num_threads()
    tc.set_num_threads(1)
    assert tc.num_threads() == 1
    tc.set_num_threads(0)
    assert tc.num_threads() == default


def test_target():
    t = tc.Target("cpu")
    assert t.kind == "cpu" and t == tc.Target() and t.vector_bits >= 128 and t.isa and t.cpu in str(t)
    assert refuse(tc.Target, "cpu -moon").code.startswith("codegen.target")


def test_references_refuse_what_is_wrong():
    A, C = scaled()
    a, c = np.zeros(8, np.float32), np.zeros(8, np.float32)
    assert refuse(tc.evaluate, C, {}).code == "te.args.missing"
    assert refuse(tc.evaluate, C, {"A": a}).code == "te.tensors"
    assert refuse(tc.evaluate, C, {A: a[:4]}).code == "runtime.arg.shape"
    assert refuse(tc.evaluate, C, {A: a.astype(int)}).code == "runtime.arg.dtype"
    assert refuse(tc.interpret, tc.Schedule(C), [A, C], [a]).code == "runtime.arg.count"
    assert (tc.evaluate(C, {A: np.ones(16, np.float32)[::2]}) == 2).all()   # inputs of references may be strided
    assert tc.evaluate([C], {A: a})[0].shape == (8,)
    e = refuse(lambda: tc.compute((8,), lambda i: A[i + 1], name="D"))      # reads outside
    assert e.code == "te.bounds" and e.stage == "D"


@pytest.mark.parametrize("vectorized", [False, True])
@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_division_by_zero_does_not_end_the_process(dtype, vectorized):
    """What the quotient of a zero is nobody says; the least integer / -1, which machines refuse too, wraps."""
    A, B = tc.placeholder((16,), dtype, name="A"), tc.placeholder((16,), dtype, name="B")
    Q = tc.compute((16,), lambda i: A[i] // B[i], name="Q")
    M = tc.compute((16,), lambda i: A[i] % B[i], name="M")
    s = tc.Schedule([Q, M])
    if vectorized:
        for t in (Q, M):
            s[t].vectorize(s[t].axes[0])
    info = np.iinfo(dtype)
    a, b = np.full(16, info.min, dtype), np.array([0, -1 if info.min else info.max] * 8, dtype)
    q, m = np.ones(16, dtype), np.ones(16, dtype)
    tc.build(s, [A, B, Q, M])(a, b, q, m)
    assert (q[1::2] == info.min).all() and (m[1::2] == 0).all()


@pytest.mark.parametrize("reduction, passing_over_nan", [(tc.op.max, np.fmax), (tc.op.min, np.fmin)])
@pytest.mark.parametrize("n", [1, 8, 37])
def test_a_maximum_passes_over_nan_in_any_order(reduction, passing_over_nan, n):
    X = tc.placeholder((4, n), name="X")
    Y = reduction(X, 1)
    rng = np.random.default_rng(n)
    x = rng.integers(-9, 10, (4, n)).astype(np.float32)
    x[rng.random((4, n)) < 0.4] = np.nan
    x[3] = np.nan
    first = {np.fmax: -np.inf, np.fmin: np.inf}[passing_over_nan]
    expected = passing_over_nan.reduce(x, axis=1, initial=first).astype(np.float32)
    np.testing.assert_array_equal(tc.evaluate(Y, {X: x}), expected)
    for factor in (1, 2, 4, 16):
        for steps in ("vectorize {i}", "reorder {i},{o}", "unroll {i}", "vectorize {o}"):
            s = tc.Schedule(Y)
            o, i = s[Y].split(s[Y].reduce_axes[0], factor)
            kind, loops = steps.split()
            s.apply(f"{kind} {Y.name} {loops.format(o=o.name, i=i.name)}")
            y = np.empty(4, np.float32)
            tc.build(s, [X, Y])(x, y)
            np.testing.assert_array_equal(y, expected, err_msg=s.text())
            tc.interpret(s, [X, Y], [x, y])
            np.testing.assert_array_equal(y, expected, err_msg=s.text())
    y = np.empty(4, np.float32)
    tc.build(f"{reduction.__name__} m=4 n={n} dtype=f32")(x, y)
    np.testing.assert_array_equal(y, expected)


def test_argmax_passes_over_nan_and_relu_does_not():
    X = tc.placeholder((8,), name="X")
    Y = tc.op.argmax(X)
    for x, at in [([9, np.nan, 3, 1, 1, 1, 1, 1], 0), ([1, 2, 3, 4, 5, 6, 7, np.nan], 6), ([np.nan, 2, 2, 1, 0, 0, 0, 0], 1)]:
        x = np.array(x, np.float32)
        y = np.empty((), np.int64)
        tc.build(tc.Schedule(Y), [X, Y])(x, y)
        assert y == at == tc.evaluate(Y, {X: x})
    R = tc.op.relu(X)
    r = np.empty(8, np.float32)
    x = np.array([np.nan, -1, 1, 0, np.inf, -np.inf, 2, np.nan], np.float32)
    tc.build(tc.Schedule(R), [X, R])(x, r)
    np.testing.assert_array_equal(r, np.maximum(x, 0))


@pytest.mark.parametrize("w, shape, dtype, expected", [
    ("argmax m=7 n=13", (7, 13), np.float32, lambda x: x.argmax(1)),
    ("argmin m=7 n=13 dtype=i32", (7, 13), np.int32, lambda x: x.argmin(1)),
    ("argmin shape=5 axis=0", (5,), np.float32, lambda x: x.argmin()),
    ("argmax m=7 n=13 dtype=u64", (7, 13), np.uint64, lambda x: x.argmax(1)),
])
def test_positions_by_default_schedules(w, shape, dtype, expected):
    x = np.random.default_rng(0).integers(0, 9, shape).astype(dtype)
    y = np.empty(shape[:-1], np.int64)
    tc.build(w)(x, y)
    np.testing.assert_array_equal(y, expected(x))
@pytest.mark.parametrize("shape, code", [((-1,), "te.shape.negative"), ((2**62,), "te.shape.overflow"), ((10**12,), "runtime.memory")])
def test_arrays_that_cannot_be_are_errors(shape, code):
    with pytest.raises(tc.Error) as e:
        tc.empty(shape)
    assert e.value.code == code


@pytest.mark.parametrize("device", [None, 7, (), (1,), ("cpu", 0), "cp"])
def test_a_nonsensical_dlpack_device_is_an_error(device):
    class Array:
        def __dlpack__(self, **_):
            raise AssertionError("not asked for")

        def __dlpack_device__(self):
            return device

    with pytest.raises(tc.Error, match="__dlpack_device__") as e:
        tc.from_dlpack(Array())
    assert e.value.code == "runtime.arg.type"


def test_arrays_by_name_are_refused_without_printing_them():
    A = tc.placeholder((1000,), name="A")
    f = tc.build(tc.op.relu(A, name="C"), name="relu")
    a = np.ones(1000, np.float32)
    with pytest.raises(TypeError, match=r"^relu\(\) takes its arrays by position, without names: f\(A, C\)$"):
        f(a, C=a)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_reads_at_guarded_and_asserted_indices(dtype):
    n, m, k = 19, 37, 12
    A, I = tc.placeholder((n, k), name="A"), tc.placeholder((m,), dtype=dtype, name="I")
    inside = lambda i: (I[i] >= 0) & (I[i] < n)
    G = tc.compute((m, k), lambda i, j: tc.if_then_else(inside(i), A[I[i], j], -1), name="G")
    j = tc.reduce_axis((0, k), "j")
    S = tc.compute((m,), lambda i: tc.sum(tc.if_then_else(inside(i), A[I[i], j], 0) * G[i, j], j), name="S")
    info = np.iinfo(dtype)
    a = np.arange(n * k, dtype=np.float32).reshape(n, k) % 7
    at = np.concatenate([[-1, n, info.min, info.max, 0, n - 1, info.max - 1], np.arange(m - 7) % n]).astype(dtype)
    ok = (at >= 0) & (at < n)
    g = np.where(ok[:, None], a[np.where(ok, at, 0)], np.float32(-1))
    s = (np.where(ok[:, None], g, 0) * g).sum(1)
    np.testing.assert_array_equal(tc.evaluate(S, {A: a, I: at}), s)
    for steps in ("", "vectorize G j", "split G i factor=8\nparallel G io\nunroll G ii\nvectorize G j", "compute_inline G", "cache_read A\ncompute_at A_r S i\nvectorize G j",
                  "cache_read I\ncompute_at I_r G i", "split S i factor=5\ncompute_at G S io\nunroll S j", "reorder S j i", "fuse S i j",
                  "split S j factor=4\nrfactor S ji\ncompute_at G S i", "reorder G j i\nsplit G i factor=4", "split G i factor=4\nvectorize G ii", "split S i factor=8\nvectorize S ii"):
        schedule = tc.Schedule(S)
        try:
            schedule.apply(steps)
        except tc.Error as e:
            assert e.code.startswith("schedule."), e
            continue
        f, out = tc.build(schedule, [A, I, S]), np.zeros(m, np.float32)
        f(a, at, out)
        np.testing.assert_array_equal(out, s, err_msg=steps)
        out[:] = 0
        tc.interpret(schedule, [A, I, S], [a, at, out])
        np.testing.assert_array_equal(out, s, err_msg=steps)

    C = tc.compute((m, k), lambda i, j: tc.assume(inside(i), A[I[i], j]) * 2, name="C")
    assert "assume(" in str(tc.workload([A, I, C]))
    good = np.where(ok, at, 0).astype(dtype)
    out = np.zeros((m, k), np.float32)
    tc.build(tc.Schedule(C), [A, I, C])(a, good, out)
    np.testing.assert_array_equal(out, 2 * a[good])
    e = refuse(tc.evaluate, C, {A: a, I: at})
    assert e.code == "ir.interpret.assume" and "does not hold" in str(e)


@pytest.mark.parametrize("steps", [
    "", "split Q r factor=5\nunroll Q ri", "split Q r factor=7\nrfactor Q ri reassociate", "split Q r factor=7\ncache_read A\ncompute_at A_r Q ro",
    "split Q y factor=3\nreorder Q r,yo,yi", "split Q r factor=5\nsplit Q y factor=3\nreorder Q ro,yo,yi,ri", "cache_read I\nsplit Q r factor=5\ncompute_at I_r Q ro",
    "split Q y factor=3\nvectorize Q yi", "split Q r factor=7\nrfactor Q ro reassociate", "cache_write Q\nsplit Q_w r factor=5", "parallel Q y"])
def test_terms_of_sums_are_read_behind_their_guards_only(steps):
    # neither beyond a tail, nor where a guard before it fails
    n, m = 20, 32
    A, I = tc.placeholder((n,), name="A"), tc.placeholder((m,), dtype="i32", name="I")
    inside = lambda x, end: (x >= 0) & (x < end)
    r = tc.reduce_axis((0, m), "r")
    at = np.arange(m, dtype=np.int32)
    at[[5, 9, 31]] = 2**31 - 1, -2**31, 40
    a = np.arange(n, dtype=np.float32)
    for term in (lambda y: tc.if_then_else(inside(I[r], n), A[I[r]] + tc.cast("f32", y), 0),
                 lambda y: tc.if_then_else(inside(I[r], m), tc.if_then_else(inside(I[I[r]], n), A[I[I[r]]] * tc.cast("f32", y), 0), 0)):
        Q = tc.compute((4,), lambda y: tc.sum(term(y), r), name="Q")
        s = tc.Schedule(Q)
        s.apply(steps)
        want, out = tc.evaluate(Q, {A: a, I: at}), np.zeros(4, np.float32)
        tc.interpret(s, [A, I, Q], [a, at, out])
        np.testing.assert_array_equal(out, want)
        out[:] = 0
        tc.build(s, [A, I, Q])(a, at, out)
        np.testing.assert_array_equal(out, want)


def test_integers_of_64_bits_from_memory_wrap():
    J = tc.placeholder((8,), dtype="i64", name="J")
    extremes = np.array([2**63 - 1, -2**63, 2**62, -2**62, 2**63 - 3, 0, -1, 7])
    for value in (lambda i: tc.if_then_else(J[i] + 1 > J[i], tc.const(1, "i64"), tc.const(2, "i64")), lambda i: tc.if_then_else(J[i] - i <= J[i], tc.const(1, "i64"), tc.const(2, "i64")), lambda i: tc.max(J[i], 2) * 3 // 7,
                  lambda i: (tc.max(J[i], 2) + tc.max(J[i], 1)) % 5):
        R = tc.compute((8,), value, name="R")
        out = np.zeros(8, np.int64)
        tc.build(tc.Schedule(R), [J, R])(extremes, out)
        np.testing.assert_array_equal(out, tc.evaluate(R, {J: extremes}))
    # arithmetic on axes does not wrap, and is refused where it would; in u64 it does
    for value in (lambda i: i * 6364136223846793005 % 1000, lambda i: i * 2**62 // 3, lambda i: tc.max(i * 2**62 + 2**62, i)):
        assert refuse(lambda: tc.compute((8,), value, name="R")).code == "te.overflow"
    R = tc.compute((8,), lambda i: tc.cast("u64", i) * tc.const(6364136223846793005, "u64") % tc.const(1000, "u64"), name="R")
    out = np.zeros(8, np.uint64)
    tc.build(tc.Schedule(R), [R])(out)
    assert out.tolist() == [i * 6364136223846793005 % 2**64 % 1000 for i in range(8)]
    K = tc.placeholder((2,), dtype="i64", name="K")
    for body in ("let x = K[0] for i in [0, +8) { if i <= x { R[i] = 1 } else { R[i] = 2 } }", "let x = K[0] for i in [3, +5) { if i < x { R[i] = 1 } } R[0] = 0 R[1] = 0 R[2] = 0",
                 "let y = K[0] + 1 for i in [0, +8) { R[i] = K[0] - y }", "let x = K[0] + K[1] let y = max(x, 2) for i in [0, +8) { R[i] = i * y / 7 }"):
        R = tc.extern("func f(K: i64[2], R: i64[8]) { for k in [0, +8) { R[k] = 5 } " + body + " }", [K])
        f = tc.build(tc.Schedule(R), [K, R])
        for k in ([2**63 - 1, 1], [-2**63, -7], [-2**63 + 1, 0], [3, 4]):
            k, out = np.array(k), np.zeros(8, np.int64)
            f(k, out)
            np.testing.assert_array_equal(out, tc.evaluate(R, {K: k}))


@pytest.mark.parametrize("dtype", ["i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"])
def test_shifts_beyond_the_bits_are_the_same_under_every_schedule(dtype):
    t = np.dtype({"i": "int", "u": "uint"}[dtype[0]] + dtype[1:])
    x = np.array([1, 3, -5 if t.kind == "i" else 250, 100] * 16, t)
    by = np.resize(np.array([0, 1, t.itemsize * 8 - 1, t.itemsize * 8, 65, 100, 127]), 64).astype(t)
    A, B = tc.placeholder((64,), dtype, "A"), tc.placeholder((64,), dtype, "B")
    for f in (lambda a, b: a << b, lambda a, b: a >> b):
        C = tc.compute((64,), lambda i: f(A[i], B[i]), name="C")
        for steps in ("", "vectorize C i", "unroll C i", "split C i factor=8\nvectorize C ii"):
            s = tc.Schedule(C)
            s.apply(steps)
            got = np.zeros(64, t)
            tc.build(s, [A, B, C])(x, by, got)
            np.testing.assert_array_equal(got, f(x, by), err_msg=steps)
