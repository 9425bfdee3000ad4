"""Random shapes and schedules: interpreter, machine code and NumPy agree bit by bit."""
import numpy as np
import tc
from hypothesis import given, settings, strategies as st

extent = st.sampled_from([0, 1, 2, 3, 5, 7, 8, 13, 16, 31])
factor = st.integers(1, 20)


@settings(max_examples=40, deadline=None)
@given(extent, extent, extent, factor, factor, factor, st.permutations(range(6)), st.booleans(), st.booleans(), st.integers(0, 3))
def test_tiled_matmul(n, m, l, fy, fx, fk, order, parallel, vectorize, cached):
    A, B = tc.placeholder((n, m), name="A"), tc.placeholder((m, l), name="B")
    k = tc.reduce_axis((0, m), name="k")
    C = tc.compute((n, l), lambda y, x: tc.sum(A[y, k] * B[k, x], axis=k), name="C")
    s = tc.Schedule(C)
    y, x = s[C].axes
    if cached & 2:
        s[B].layout(f"x/{fx}", "y", f"x%{fx}")
    loops = s[C].tile(y, x, k, fy, fx, fk)
    s[C].reorder(*[loops[i] for i in order])
    if cached & 1:
        s[s.cache_read(A, "global", [C])].compute_at(s[C], s[C].leaf_axes[2])
    for step, axis in [(s[C].parallel, loops[0])] * parallel + [(s[C].vectorize, loops[4])] * vectorize:
        try:
            step(axis)
        except tc.Error as e:   # the copy of A is computed inside that loop, or one of the two is inside the other
            assert e.code.endswith((".attached", ".mode.nested"))
    rng = np.random.default_rng(n * 10000 + m * 100 + l)
    a, b = rng.integers(-4, 5, (n, m)).astype(np.float32), rng.integers(-4, 5, (m, l)).astype(np.float32)
    c, d = np.full((n, l), np.nan, np.float32), np.full((n, l), np.nan, np.float32)
    tc.interpret(s, [A, B, C], [a, b, c])
    np.testing.assert_array_equal(c, a @ b)
    tc.build(s, [A, B, C])(a, b, d)
    np.testing.assert_array_equal(d, a @ b)
    again = tc.Schedule(C)
    again.apply(s.text())
    assert again.text() == s.text()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_hostile_text_is_an_error(text):
    A = tc.placeholder((4, 4), name="A")
    C = tc.compute((4, 4), lambda y, x: A[y, x], name="C")
    for f in (tc.Schedule(C).apply, tc.workload, tc.Target, lambda t: tc.placeholder((2,), dtype=t), lambda t: tc.Schedule(C)[t]):
        try:
            f(text)
        except tc.Error as e:
            assert e.code and str(e)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0, 1, 2, 3, 5]), max_size=5), st.sampled_from("f64 f32 f16 i64 i32 i16 i8 u64 u32 u16 u8 bool".split()))
def test_arrays_keep_shape_and_type_both_ways(shape, dtype):
    e = tc.empty(shape, dtype)
    for a in (np.asarray(e), np.from_dlpack(e), np.asarray(memoryview(e)), np.array(e, copy=False)):
        assert a.shape == tuple(shape) == e.shape and a.size == 0 or a.ctypes.data == e.__array_interface__["data"][0]
        back = tc.from_dlpack(a)
        assert back.dtype == dtype and back.shape == tuple(shape)
