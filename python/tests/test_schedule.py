"""Schedules: the steps, what they refuse, and their text."""
import copy

import numpy as np
import pytest
import tc


def matmul(n=16, m=24, l=32):
    A = tc.placeholder((n, m), name="A")
    B = tc.placeholder((m, l), name="B")
    k = tc.reduce_axis((0, m), name="k")
    C = tc.compute((n, l), lambda y, x: tc.sum(A[y, k] * B[k, x], axis=k), name="C")
    return A, B, C


def run(s, args):
    """By the interpreter, by machine code and by NumPy: the same, bit by bit."""
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-4, 5, t.shape).astype(np.float32) for t in args[:2])
    c, d = (np.full(args[2].shape, np.nan, np.float32) for _ in range(2))
    tc.interpret(s, args, [a, b, c])
    np.testing.assert_array_equal(c, a @ b)
    tc.build(s, args)(a, b, d)
    np.testing.assert_array_equal(d, a @ b)


def test_the_design_page_runs_as_printed():
    n, m = 1024, 1024
    A = tc.placeholder((n, m), dtype="f32", name="A")
    B = tc.placeholder((m, n), dtype="f32", name="B")
    k = tc.reduce_axis((0, n), name="k")
    C = tc.compute((n, m), lambda y, x: tc.sum(A[y, k] * B[k, x], axis=k), name="C")
    s = tc.Schedule(C)
    y, x = s[C].axes
    (k,) = s[C].reduce_axes
    yo, xo, ko, yi, xi, ki = s[C].tile(y, x, k, 8, 8, 8)
    s[C].reorder(yo, xo, ko, ki, yi, xi)
    s[C].parallel(yo)
    s[C].vectorize(xi)
    f = tc.build(s, [A, B, C], target="cpu")
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-4, 5, (n, n)).astype(np.float32) for _ in range(2))
    c = np.empty((n, n), np.float32)
    f(a, b, c)
    np.testing.assert_array_equal(c, a @ b)
    assert "parallel" in s.loops() and [t.kind for t in s[C].steps()][-1] == "vectorize"
    for text in (f.ir("flat"), f.ir("nested"), f.ir("te"), f.llvm(), f.asm()):
        assert text


def test_every_step_keeps_the_result():
    A, B, C = matmul()
    s = tc.Schedule(C)
    y, x = s[C].axes
    (k,) = s[C].reduce_axes
    yo, yi = s[C].split(y, 5)                      # does not divide
    xo, xi = s[C].split(x, parts=4)
    s[C].reorder(yo, xo, k, yi, xi)
    CL = s.cache_read(A, "global", [C])
    s[CL].compute_at(s[C], yo)
    s[C].unroll(yi).vectorize(xi).init_at(xo)
    s[C].parallel(yo)
    run(s, [A, B, C])


def test_cache_write_fuse_layout():
    A, B, C = matmul()
    s = tc.Schedule([C])
    CL = s.cache_write(C, "stack")
    yx = s[C].fuse(*s[C].axes)
    s[CL].compute_at(s[C], yx)
    s[B].layout("x/8", "y", "x%8")
    run(s, [A, B, C])


def test_rfactor_gives_parts_to_threads():
    A, B, C = matmul()
    s = tc.Schedule([C])
    ko, ki = s[C].split(s[C].reduce_axes[0], 5)
    P = s[C].rfactor(ko, position=0, reassociate=True)
    assert P.name == "C_rf" and [a.name for a in P.axes] == ["ko", "y", "x"]
    P.reorder("ko", "y", "x", "ki").parallel("ko")
    run(s, [A, B, C])
    assert "rfactor C ko position=0 reassociate into=C_rf" in s.text()


def test_reverse_compute_at_fuses_an_epilogue():
    A, B, C = matmul()
    D = tc.compute(C.shape, lambda y, x: C[y, x] * 2.0, name="D")
    s = tc.Schedule(D)
    yo, xo, yi, xi = s[C].tile(*s[C].axes, 4, 8)
    s[C].parallel(yo)
    s[D].reverse_compute_at(s[C], xo)
    assert [a.name for a in s[D].leaf_axes] == ["yo", "xo", "yi", "xi"]
    assert s.loops().startswith("for yo in") and "parallel" in s.loops()


def test_vthread_interleaves_tiles():
    A, B, C = matmul()
    s = tc.Schedule(C)
    yo, yi = s[C].split(s[C].axes[0], 4)
    s[C].vthread(yi)
    W = s.cache_read(A, "stack", [C]).compute_at(s[C], yi)
    run(s, [A, B, C])
    f = tc.build(s, [A, B, C])
    assert "vthread C yi" in s.text() and "vthread" in s.loops()
    assert "vthread" in f.ir("nested") and "vthread" not in f.ir("interleave")
    assert f"{W.name}[1, " in f.ir("interleave")


def test_hints_change_no_result():
    A, B, C = matmul()
    s = tc.Schedule(C)
    ko, ki = s[C].split(s[C].reduce_axes[0], 6)
    s[C].reorder(ko, *s[C].axes, ki)
    BB = s.cache_read(B, "stack", [C]).compute_at(s[C], ko)
    BB.double_buffer().storage_align("y", 16, 1)
    s[C].prefetch(A, ko, distance=2)
    run(s, [A, B, C])
    assert "double_buffer B_r" in s.text() and "prefetch C ko tensor=A distance=2" in s.text()
    assert "double_buffer" in s.loops() and "prefetch A[" in s.loops() and "B_r: f32[6, 33]" in s.loops()


def test_rolling_buffer_computes_each_row_once():
    A = tc.placeholder((12, 8), name="A")
    T = tc.compute((12, 8), lambda y, x: A[y, x] * 2.0, name="T")
    D = tc.compute((10, 8), lambda y, x: T[y, x] + T[y + 1, x] + T[y + 2, x], name="D")
    s = tc.Schedule(D)
    s[T].compute_at(s[D], s[D].axes[0]).rolling_buffer()
    a, d, e = np.arange(96, dtype=np.float32).reshape(12, 8), *np.zeros((2, 10, 8), np.float32)
    writes = tc.interpret(s, [A, D], [a, d], watch=("T", [0, 3]))
    assert [w.value for w in writes] == [2 * a[0, 3], 2 * a[3, 3], 2 * a[6, 3], 2 * a[9, 3]]
    assert writes[-1].loops[0] == ("y", 7) and writes[-1].lane is None and "T[" in str(writes[-1])
    np.testing.assert_array_equal(d, 2 * (a[:-2] + a[1:-1] + a[2:]))
    tc.build(s, [A, D])(a, e)
    np.testing.assert_array_equal(d, e)
    with pytest.raises(tc.Error) as e:
        tc.interpret(s, [A, D], [a, d], watch=("U", [0]))
    assert e.value.code == "ir.interpret.watch"


def test_tensorize():
    A, B, C = matmul(n=16, m=24, l=32)
    s = tc.Schedule([C])
    yo, xo, yi, xi = s[C].tile(*s[C].axes, 6, 16)
    s[C].reorder(yo, xo, "k", yi, xi)
    e = refuse(lambda: s[C].tensorize(yi, "gemm_f64_6x16x1"))
    assert e.code == "schedule.tensorize.match"
    s[C].tensorize(yi, "gemm_f32_6x16x1")
    run(s, [A, B, C])


def test_declared_intrinsics():
    params = "(A: f32[8], S: f32[1], C: f32[8])"
    body = f"func f{params} {{ compute C[i] = sum(A[i] * S[k], k in [0, +1)) }}"
    update = f"func f{params} {{ C[ramp(0, 1, 8)] = C[ramp(0, 1, 8)] + A[ramp(0, 1, 8)] * broadcast(S[0], 8) }}"
    assert refuse(lambda: tc.Intrinsic("axpy", body, update.replace("+", "-"))).code == "intrinsic.differs"
    A, B, C = matmul()
    s = tc.Schedule([C])
    s.declare(tc.Intrinsic("axpy", body, update))
    xo, xi = s[C].split("x", 8)
    s[C].reorder("y", xo, "k", xi).tensorize(xi, "axpy")
    run(s, [A, B, C])


def test_inline_and_root():
    A = tc.placeholder((8, 8), name="A")
    B = tc.compute((8, 8), lambda y, x: A[y, x] + 1.0, name="B")
    C = tc.compute((8, 8), lambda y, x: B[y, x] * 2.0, name="C")
    a = np.ones((8, 8), np.float32)
    for place in ("compute_inline", "compute_root"):
        s = tc.Schedule(C)
        getattr(s[B], place)()
        c = np.empty((8, 8), np.float32)
        tc.build(s, [A, C])(a, c)
        assert (c == 4).all()


def test_text_replays():
    A, B, C = matmul()
    s = tc.Schedule(C)
    yo, xo, yi, xi = s[C].tile("y", "x", 4, 8)
    s[C].vectorize(xi)
    t = tc.Schedule(C)
    t.apply(s.text())
    assert t.text() == s.text() and t.loops() == s.loops()
    u = tc.Schedule(C)
    u.apply(s.steps)
    u.apply("# a comment\n\nunroll C yi\n")
    assert u.steps[:-1] == s.steps and str(u.steps[-1]) == "unroll C yi" and u.steps[-1].stage == "C"
    for other in (s.copy(), copy.copy(s)):
        other[C].unroll(yi)
        assert len(other.steps) == len(s.steps) + 1


def test_axes_may_be_named_in_any_clear_way():
    A = tc.placeholder((8, 8), name="A")
    k = tc.reduce_axis((0, 8), name="k")
    C = tc.compute((8,), lambda y: tc.sum(A[y, k], axis=k), name="C")
    s = tc.Schedule(C)
    ko, ki = s[C].split(k, 4)                      # the reduce axis of the expression
    yo, yi = s["C"].split("y", 4)                  # by name
    s[s["C"]].reorder([yo, yi, ko, ki])            # a stage names itself
    assert [a.name for a in s[C].leaf_axes] == ["yo", "yi", "ko", "ki"]
    assert s[C].axis("ko") == ko and s.stages == ["C"] and "yo" in repr(s[C])


def test_loops_are_for_people():
    A, B, C = matmul()
    s = tc.Schedule(C)
    yo, yi = s[C].split("y", 4)
    s[C].parallel(yo)
    assert s.loops(costs=False).splitlines()[0] == "for yo in 4 parallel"
    assert s.loops().splitlines()[0].startswith("for yo in 4 parallel") and "FLOP" in s.loops()
    assert s.html().startswith("<!DOCTYPE html>") and "<html" not in s._repr_html_()
    assert "C[yo * 4 + yi, x] += A[yo * 4 + yi, k] * B[k, x]" in s.loops()
    assert "C[yo * 4 + yi, x] +=" in s._repr_html_()


def refuse(f):
    with pytest.raises(tc.Error) as e:
        f()
    return e.value


def test_illegal_steps_are_refused_at_the_guilty_line():
    A, B, C = matmul()
    s = tc.Schedule(C)
    y, x = s[C].axes
    (k,) = s[C].reduce_axes
    e = refuse(lambda: s[C].parallel(k))
    assert e.code.startswith("schedule.parallel") and (e.stage, e.axis) == ("C", "k") and e.fix and e.kind == "schedule"
    assert str(e).startswith(f"error[{e.code}]: ") and f"  fix    {e.fix}" in str(e) and e.facts["at"].startswith("test_schedule.py:")
    assert refuse(lambda: s[C].vectorize(k)).code == "schedule.vectorize.reassociate"
    assert refuse(lambda: s[C].split(y, 0)).code.startswith("schedule.split")
    assert refuse(lambda: s[C].split(y)).code == "schedule.split.number"
    assert refuse(lambda: s[C].split(y, 2, parts=2)).code == "schedule.split.number"
    assert refuse(lambda: s[C].split(y, 2.5)).code == "te.number"
    assert refuse(lambda: s[C].tile(y, x, 8)).code == "schedule.tile.count"
    assert refuse(lambda: s[C].axis("q")).code == "schedule.axis.unknown"
    assert refuse(lambda: s[C].reorder(3)).code == "schedule.axis.type"
    e = refuse(lambda: s["D"])
    assert e.code == "schedule.stage.unknown" and e.facts["stages"] == "C" and e.facts["inputs"] == "A, B"
    assert refuse(lambda: s[3]).code == "schedule.stage.unknown"
    assert refuse(lambda: s[tc.placeholder((2,))]).code == "schedule.stage.unknown"
    assert refuse(lambda: s[C].compute_inline()).code.startswith("schedule.")
    assert refuse(lambda: s[C].set_scope("moon")).code.startswith("schedule.")
    assert refuse(lambda: s.apply("frobnicate C")).code == "schedule.parse"
    assert refuse(lambda: tc.Schedule(3)).code == "te.tensors"
    assert s.steps == []                           # nothing has changed
    yo, yi = s[C].split(y, 4)
    e = refuse(lambda: s[C].unroll(y))
    assert e.code == "schedule.axis.not_a_loop" and "yo and yi" in str(e)


def test_a_stage_outlives_its_schedules_name():
    A, B, C = matmul()
    stage = tc.Schedule(C)[C]
    stage.split("y", 4)
    assert len(stage.steps()) == 1


def test_vectorized_float_sum_with_permission():
    A, B, C = matmul()
    s = tc.Schedule(C)
    ko, ki = s[C].split("k", 8)
    s[C].vectorize(ki, reassociate=True)
    run(s, [A, B, C])


def test_a_reduce_axis_is_its_own_loop_whatever_its_name():
    B = tc.placeholder((4, 9, 3), name="B")
    p, q = tc.reduce_axis((0, 9)), tc.reduce_axis((0, 3))
    D = tc.compute((4,), lambda y: tc.sum(B[y, p, q], axis=(p, q)), name="D")
    s = tc.Schedule(D)
    s[D].reorder(q, p)
    qo, qi = s[D].split(q, 2)
    assert [qo.name, qi.name] == ["k1o", "k1i"]
    r = tc.reduce_axis((0, 9), "y")
    C = tc.compute((4,), lambda y: tc.sum(B[y, r, 0], axis=r), name="C")
    s = tc.Schedule(C)
    with pytest.raises(tc.Error) as e:
        s[C].parallel(r)
    assert e.value.code == "schedule.parallel.reduce"
    other = tc.reduce_axis((0, 9), "i")
    with pytest.raises(tc.Error) as e:
        s[C].split(other, 2)
    assert e.value.code == "schedule.axis.unknown"


def test_pieces_of_sizes_are_not_endless():
    n = tc.size_var("n")
    A = tc.placeholder((n, 3), "i32", "A")
    D = tc.compute((n, 3), lambda y, x: A[y, x] + 1, name="D")
    for steps in ("split D y parts=1099511627776", "split D y factor=1099511627776",
                  "split D y factor=16777216\nsplit D yo parts=16777216\nsplit D yoi factor=2"):
        with pytest.raises(tc.Error) as e:
            tc.Schedule(D).apply(steps)
        assert e.value.code == "schedule.split.factor"
    s = tc.Schedule(D)
    s.apply("split D y factor=64\nsplit D yi factor=1099511627776\nsplit D x factor=1099511627776")
    f = tc.build(s, [A, D])
    for v in (0, 1, 65):
        a, d = np.ones((v, 3), np.int32), np.zeros((v, 3), np.int32)
        f(a, d)
        np.testing.assert_array_equal(d, a + 1)
