"""What is written in Python is what tc computes."""
import numpy as np
import pytest
import tc


def evaluate(body, *arrays, shape=None):
    """One element-wise tensor of the arrays, by evaluate."""
    tensors = [tc.placeholder(a.shape, dtype=a.dtype, name=f"a{i}") for i, a in enumerate(arrays)]
    shape = arrays[0].shape if shape is None else shape
    C = tc.compute(shape, lambda *i: body(*[t[i] for t in tensors]), name="C")
    return tc.evaluate(C, dict(zip(tensors, arrays)))


X = np.array([-7.5, -1.0, 0.25, 2.0, 9.0], np.float32)
I = np.array([-7, -2, 0, 3, 8], np.int32)


@pytest.mark.parametrize("f", [
    lambda x: x + 1, lambda x: 1 + x, lambda x: 3 - x, lambda x: x * 0.5, lambda x: 2.0 / (x + 20), lambda x: -x, lambda x: +x, lambda x: abs(x)])
def test_arithmetic_of_floats_is_numpys(f):
    np.testing.assert_array_equal(evaluate(f, X), f(X))


@pytest.mark.parametrize("f", [
    lambda x: x // 3, lambda x: x % 3, lambda x: 100 // (x + 20), lambda x: x << 2, lambda x: x >> 1, lambda x: x & 5, lambda x: x | 5, lambda x: x ^ 5, lambda x: ~x,
    lambda x: -x * x + 4])
def test_arithmetic_of_integers_is_numpys(f):
    np.testing.assert_array_equal(evaluate(f, I), f(I))


def test_comparisons_and_logic_give_bool():
    for f in (lambda x: x < 2, lambda x: x <= 2, lambda x: x > 2, lambda x: 2 >= x, lambda x: x == 2, lambda x: x != 2, lambda x: (x > 0) & ~(x == 2), lambda x: (x < 0) | (x > 5)):
        got = evaluate(f, X)
        assert got.dtype == bool
        np.testing.assert_array_equal(got, f(X))


def test_functions():
    y = np.abs(X) + np.float32(0.5)
    for name in ("exp", "log", "sqrt", "tanh", "sin", "cos", "floor", "ceil", "round"):
        got = evaluate(getattr(tc, name), y)
        np.testing.assert_allclose(got, getattr(np, name)(y), rtol=1e-5, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(evaluate(tc.rsqrt, y), 1 / np.sqrt(y), rtol=1e-6)
    np.testing.assert_allclose(evaluate(tc.sigmoid, X), 1 / (1 + np.exp(-X)), rtol=1e-5)
    np.testing.assert_allclose(evaluate(lambda x: tc.pow(x, 2.5), y), y ** np.float32(2.5), rtol=1e-5)
    np.testing.assert_allclose(evaluate(lambda x: x ** 2, y), y ** 2, rtol=1e-5)
    np.testing.assert_allclose(evaluate(tc.erf, np.zeros(1, np.float32)), [0])


def test_what_is_shared_counts_each_time():
    A = tc.placeholder((4,), name="A")

    def doubled(x):
        for _ in range(60):
            x = x + x
        return x

    for f in (lambda: tc.compute((4,), lambda i: doubled(A[i]), name="C"), lambda: tc.comm_reducer(lambda a, b: doubled(a) + b, 0.0)):
        with pytest.raises(tc.Error) as e:
            f()
        assert e.value.code == "te.value.size"
    assert "100000" in repr(doubled(A[tc.const(0, "i64")]))


def test_reduce_axes_tell_their_range():
    k = tc.reduce_axis((2, 9), "k")
    assert (k.min, k.extent) == (2, 7)
    n = tc.size_var("n")
    r = tc.reduce_axis((1, n + 3), "r")
    assert r.min == 1 and str(r.extent) == "n + 2"


def test_select_cast_min_max():
    np.testing.assert_array_equal(evaluate(lambda x: tc.select(x > 0, x, 0), X), np.maximum(X, 0))
    np.testing.assert_array_equal(evaluate(lambda x: tc.max(x, 0), X), np.maximum(X, 0))
    np.testing.assert_array_equal(evaluate(lambda x: tc.min(1, x), X), np.minimum(X, 1))
    np.testing.assert_array_equal(evaluate(lambda x: tc.cast("i32", x), X), X.astype(np.int32))
    np.testing.assert_array_equal(evaluate(lambda x: tc.cast(x, np.int32), X), X.astype(np.int32))
    np.testing.assert_array_equal(evaluate(lambda x: x.astype("f64"), X), X.astype(np.float64))
    assert tc.const(3, "i8").dtype == "i8"


def test_axes_are_named_as_the_parameters():
    A = tc.placeholder((4, 6), name="A")
    s = tc.Schedule(tc.compute((4, 6), lambda row, col: A[row, col] + 1.0, name="C"))
    assert [a.name for a in s["C"].axes] == ["row", "col"]
    s = tc.Schedule(tc.compute((4, 6), lambda *i: A[i], name="C"))
    assert [a.name for a in s["C"].axes] == ["y", "x"]
    scale = 2.0
    B = tc.compute((4,), lambda i, scale=scale: A[i, 0] * scale)   # a default is no axis
    assert B.shape == (4,)


def test_several_outputs_and_argmax():
    a = np.array([[1, 5, 5], [7, 2, 1]], np.float32)
    A = tc.placeholder((2, 3), name="A")
    k = tc.reduce_axis((0, 3), name="k")
    V, J = tc.compute((2,), lambda y: tc.reduce_tuple("argmax", (A[y, k], k), axis=k), name=("V", "J"))
    assert (V.name, V.dtype, J.name, J.dtype) == ("V", "f32", "J", "i64")
    v, j = tc.evaluate([V, J], {A: a})
    np.testing.assert_array_equal(v, [5, 7])
    np.testing.assert_array_equal(j, [1, 0])
    P, Q = tc.compute((2, 3), lambda y, x: (A[y, x] + 1, A[y, x] * 2), name="P")
    assert (P.name, Q.name) == ("P_0", "P_1")
    np.testing.assert_array_equal(tc.evaluate([P, Q], {A: a})[1], a * 2)
    f = tc.build(tc.Schedule([V, J]), [A, V, J])
    v[:], j[:] = 0, 0
    f(a, v, j)
    np.testing.assert_array_equal(j, [1, 0])


def test_a_combiner_of_ones_own():
    A = tc.placeholder((5,), name="A")
    k = tc.reduce_axis((0, 5), name="k")
    lo, hi = tc.compute((), lambda: tc.reduce_tuple(lambda a, b: (tc.min(a[0], b[0]), tc.max(a[1], b[1])), (A[k], A[k]), k,
                                                    identity=(float("inf"), float("-inf")), name="minmax"), name=("lo", "hi"))
    low, high = tc.evaluate([lo, hi], {A: X})
    assert (low, high) == (X.min(), X.max())


def test_comm_reducer():
    A = tc.placeholder((3, 7), name="A")
    k = tc.reduce_axis((0, 7), name="k")
    a = np.arange(21, dtype=np.float32).reshape(3, 7) % 5
    add = tc.comm_reducer(lambda a, b: a + b, 0, name="add")
    assert add.name == "add"
    np.testing.assert_array_equal(tc.evaluate(tc.compute((3,), lambda y: add(A[y, k], axis=k)), {A: a}), a.sum(1))
    welford = tc.comm_reducer(lambda a, b: (a[0] + b[0], (a[0] * a[1] + b[0] * b[1]) / tc.max(a[0] + b[0], 1)), (0, 0), where=lambda s: s[0] >= 1, name="mean")
    n, mean = tc.compute((3,), lambda y: welford((1, A[y, k]), k), name=("n", "mean"))
    np.testing.assert_allclose(tc.evaluate([n, mean], {A: a})[1], a.mean(1), rtol=1e-6)
    top = tc.comm_reducer(lambda a, b: (tc.max(a[0], b[0]), tc.max(tc.min(a[0], b[0]), tc.max(a[1], b[1]))), (-2**31, -2**31), dtype="i32")
    I = tc.placeholder((7,), dtype="i32", name="I")
    both = tc.compute((), lambda: top((I[k], -2**31), k), name=("first", "second"))
    assert [int(v) for v in tc.evaluate(list(both), {I: np.array([3, 9, -1, 7, 9, 0, 2], np.int32)})] == [9, 9]


def test_a_subtraction_is_no_reducer():
    with pytest.raises(tc.Error) as e:
        tc.comm_reducer(lambda a, b: a - b, 0, name="sub")
    assert e.value.code == "te.reducer.associative" and "a = " in e.value.facts["states"]
    assert code_of(lambda: tc.comm_reducer(lambda a, b: a + b, 1)) == "te.reducer.identity"
    assert code_of(lambda: tc.comm_reducer(lambda a, b: a, 0)) == "te.reducer.commutative"
    assert code_of(lambda: tc.comm_reducer(lambda a, b: (a[0],), (0, 0))) == "te.reduce.combine"
    assert code_of(lambda: tc.comm_reducer(lambda a, b: a, None)) == "te.reduce.identity"
    A = tc.placeholder((7,), name="A")
    k = tc.reduce_axis((0, 7), name="k")
    assert code_of(lambda: tc.reduce_tuple("median", (A[k], 1), k)) == "te.reduce.combine"
    assert code_of(lambda: tc.compute((), lambda: tc.reduce_tuple("mean_variance", (A[k], A[k], 0 * A[k]), k), name=("n", "m", "s"))) == "te.reducer.where"


def test_softmax_and_variance_in_one_pass():
    A = tc.placeholder((3, 7), name="A")
    k = tc.reduce_axis((0, 7), name="k")
    a = np.random.default_rng(1).standard_normal((3, 7)).astype(np.float32)
    m, s = tc.compute((3,), lambda y: tc.reduce_tuple("softmax", (A[y, k], tc.const(1)), k), name=("m", "s"))
    Y = tc.compute((3, 7), lambda y, x: tc.exp(A[y, x] - m[y]) / s[y], name="Y")
    e = np.exp(a - a.max(1, keepdims=True))
    np.testing.assert_allclose(tc.evaluate(Y, {A: a}), e / e.sum(1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(tc.evaluate(tc.op.variance(A, (1,)), {A: a}), a.var(1), rtol=1e-5)
    np.testing.assert_allclose(tc.evaluate(tc.op.logsumexp(A, (0,)), {A: a}), np.log(np.exp(a).sum(0)), rtol=1e-5)


def test_scan():
    x = np.arange(15, dtype=np.float32).reshape(5, 3)
    X, X0 = tc.placeholder((5, 3), name="X"), tc.placeholder((1, 3), name="X0")
    h = tc.scan_state((5, 3), name="h")
    H = tc.scan(X0, tc.compute((5, 3), lambda t, i: 2 * h[t - 1, i] + X[t, i], name="H"), h)
    want = [np.ones(3, np.float32)]
    for t in range(1, 5):
        want.append(2 * want[-1] + x[t])
    np.testing.assert_array_equal(tc.evaluate(H, {X: x, X0: np.ones((1, 3), np.float32)}), want)
    s = tc.Schedule(H)
    s[H].vectorize(s[H].axes[1])
    f = tc.build(s, [X, X0, H])
    out = np.zeros((5, 3), np.float32)
    f(x, np.ones((1, 3), np.float32), out)
    np.testing.assert_array_equal(out, want)
    np.testing.assert_array_equal(tc.evaluate(tc.op.cumsum(X, 1), {X: x}), x.cumsum(1))


def test_extern():
    A = tc.placeholder((8,), name="A")
    T = tc.compute((8,), lambda i: A[i] + 1, name="T")
    R = tc.extern("func reverse(X: f32[8], R: f32[8]) { for i in [0, +8) { R[i] = X[7 - i] } }", [T])
    Y = tc.compute((8,), lambda i: R[i] * 2, name="Y")
    a = np.arange(8, dtype=np.float32)
    want = (a + 1)[::-1] * 2
    np.testing.assert_array_equal(tc.evaluate(Y, {A: a}), want)
    s = tc.Schedule(Y)
    assert code_of(lambda: s[T].compute_inline()) == "schedule.extern.reader"
    assert code_of(lambda: s[R].compute_inline()) == "schedule.extern.body"
    s[Y].vectorize("i")
    out = np.zeros(8, np.float32)
    tc.build(s, [A, Y])(a, out)
    np.testing.assert_array_equal(out, want)
    assert code_of(lambda: tc.extern("func f(X: f32[8], R: f32[8]) { for i in [0, +9) { R[0] = X[i] } }", [T])) == "te.bounds"
    assert code_of(lambda: tc.extern("func f(X: f32[4], R: f32[8]) { R[0] = X[0] }", [T])) == "te.extern.input"
    assert code_of(lambda: tc.extern("func f(X: f32[8], R: f32[8]) { for i in [0, +8) parallel { R[i] = X[i] } }", [T])) == "te.extern.form"


def test_time_runs_in_order():
    X0, h = tc.placeholder((1, 3), name="X0"), tc.scan_state((5, 3), name="h")
    assert code_of(lambda: tc.scan(X0, tc.compute((5, 3), lambda t, i: h[t, i], name="H"), h)) == "te.scan.future"
    assert code_of(lambda: tc.scan(X0, tc.compute((5, 3), lambda t, i: h[t - 2, i], name="H"), h)) == "te.bounds"
    H = tc.scan(X0, tc.compute((5, 3), lambda t, i: h[t - 1, i] + 1, name="H"), h)
    s = tc.Schedule(H)
    for step in ("parallel", "vectorize", "unroll"):
        assert code_of(lambda: getattr(s[H], step)("t")) == "schedule.scan.time"
    assert code_of(lambda: s[H].split("t", 2)) == "schedule.scan.time"
    assert code_of(lambda: s[H].reorder("i", "t")) == "schedule.scan.time"


def test_0d_and_other_reductions():
    A = tc.placeholder((3, 4), name="A")
    k, j = tc.reduce_axis((0, 3), name="k"), tc.reduce_axis((0, 4), name="j")
    a = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
    for mine, theirs in ((tc.sum, np.sum), (tc.prod, np.prod), (tc.min, np.min), (tc.max, np.max)):
        T = tc.compute((), lambda: mine(A[k, j], axis=[k, j]), name="T")
        assert T.shape == () and tc.evaluate(T, {A: a}).shape == ()
        assert tc.evaluate(T, {A: a}) == theirs(a)
    U = tc.compute((3,), lambda i: A[i, 0] + T, name="U")      # a 0-d tensor is a value
    assert tc.evaluate(U, {A: a})[0] == 13
    assert tc.evaluate(tc.compute((2,), lambda i: 7), {}).tolist() == [7, 7]


def test_dtypes():
    for name in "f64 f32 f16 bf16 i64 i32 i16 i8 u64 u32 u16 u8 bool".split():
        assert tc.placeholder((1,), dtype=name).dtype == name
    assert tc.placeholder((1,), dtype=np.float16).dtype == "f16"
    assert tc.placeholder((1,), dtype=np.dtype("int8")).dtype == "i8"
    assert tc.placeholder(5).shape == (5,)


def code_of(f):
    with pytest.raises(tc.Error) as e:
        f()
    assert e.value.facts["at"].startswith("test_expressions.py:")
    return e.value.code


def test_mistakes_are_told_in_the_users_words():
    A = tc.placeholder((4, 6), name="A")
    i = tc.placeholder((4, 6), dtype="i32", name="I")
    k = tc.reduce_axis((0, 6), name="k")
    assert code_of(lambda: bool(A[0, 0] > 1)) == "te.bool"
    assert code_of(lambda: tc.compute((4,), lambda y: A[y, 0] if A[y, 0] > 0 else 0)) == "te.bool"
    assert code_of(lambda: tc.compute((4, 6), lambda y: A[y, 0])) == "te.compute.axes"
    assert code_of(lambda: tc.compute((4,), lambda y: None)) == "te.expr"
    assert code_of(lambda: A[0]) == "te.tensor.rank"
    assert code_of(lambda: A[0, -1]) == "te.tensor.index"
    assert code_of(lambda: A[:, 0]) == "te.tensor.index"
    assert code_of(lambda: A[0, 0] + A) == "te.expr"
    assert code_of(lambda: A[0, 0] + "x") == "te.expr"
    assert code_of(lambda: tc.exp(A)) == "te.expr"
    assert code_of(lambda: i[0, 0] / 2) == "te.div"
    assert code_of(lambda: i[0, 0] + 0.5) == "ir.type"
    assert code_of(lambda: i[0, 0] + 2 ** 40) == "ir.type"
    assert code_of(lambda: A[0, 0] + i[0, 0]) == "ir.type"
    assert code_of(lambda: tc.placeholder((2, -1))) == "te.shape.negative"
    assert code_of(lambda: tc.reduce_axis((3, 1))) == "te.axis.negative"
    assert code_of(lambda: tc.reduce_axis((-(2**62), 2**62))) == "te.axis.range"
    with pytest.raises(tc.Error, match="select.*if_then_else"):
        bool(A[0, 0] > 1)
    assert code_of(lambda: tc.placeholder((2 ** 40, 2 ** 40))) == "te.shape.overflow"
    assert code_of(lambda: tc.placeholder("ab")) == "te.shape.type"
    assert code_of(lambda: tc.placeholder((2,), dtype="f31")) == "te.dtype"
    assert code_of(lambda: tc.sum(A[0, k], axis=3)) == "te.reduce.axes"
    assert code_of(lambda: tc.compute((4,), lambda y: tc.sum(A[y, k], axis=k) + 1.0)) == "te.reduce.nested"
    assert code_of(lambda: tc.max(A[0, 0])) == "te.reduce.axes"


def test_tensors_are_keys_and_hash():
    A, B = tc.placeholder((2,)), tc.placeholder((2,))
    assert A == A and A != B and {A: 1, B: 2}[B] == 2
    with pytest.raises(TypeError):
        iter(A)


def test_an_axis_has_a_meaning_in_its_own_place_only():
    def refuse(body):
        with pytest.raises(tc.Error) as e:
            tc.compute((4,), body, name="C")
        return e.value

    A = tc.placeholder((4,), name="A")
    k, k2 = tc.reduce_axis((0, 4), "k"), tc.reduce_axis((0, 4), "k2")
    e = refuse(lambda i: A[i] * tc.cast("f32", k))
    assert e.code == "te.axis.free" and e.stage == "C" and e.axis == "k" and "sum(..., axis=k)" in e.fix
    assert refuse(lambda i: tc.sum(A[k] * A[k2], axis=k)).axis == "k2"
    assert refuse(lambda i: A[k]).code == "te.axis.free"  # and not te.bounds, of which k has none
    kept = []
    tc.compute((4,), lambda q: kept.append(q) or A[q], name="B")
    assert refuse(lambda i: A[i] + A[kept[0]]).axis == "q"


def test_functions_of_others_are_refused_in_words():
    A = tc.placeholder((4,), name="A")
    k = tc.reduce_axis((0, 4), "k")
    for value in (A[0], k, A):
        with pytest.raises(TypeError, match="ufunc"):
            np.exp(value)
    assert str(np.float32(2) * A[0]) == str(2.0 * A[0])
    with pytest.raises(tc.Error) as e:
        tc.compute((4,), lambda i: max(A[i], 0))
    assert e.value.code == "te.bool" and "tc.max(a, b)" in e.value.fix


@pytest.mark.parametrize("name", ["a bo", "a\nb", "", "#c", "a,b", "x=y", None, 3])
def test_names_that_text_cannot_carry_are_refused(name):
    for make in (lambda: tc.placeholder((4,), name=name), lambda: tc.reduce_axis((0, 4), name=name), lambda: tc.compute((4,), lambda i: tc.const(1), name=name)):
        with pytest.raises(tc.Error) as e:
            make()
        assert e.value.code == "te.name"


@pytest.mark.parametrize("value, dtype", [(1e39, "f32"), (-1e39, "f32"), (1e5, "f16"), (10**39, "f32"), (10**400, "f64"), (300, "i8")])
def test_constants_that_do_not_fit_are_refused(value, dtype):
    with pytest.raises(tc.Error, match=f"does not fit {dtype}") as e:
        tc.const(value, dtype)
    assert e.value.code == "ir.type"


def test_infinity_is_a_constant():
    assert "inf" in repr(tc.const(float("inf"), "f32"))
    assert tc.const(65504, "f16").dtype == "f16"
