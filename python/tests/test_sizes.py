"""Extents that only the call tells."""
import numpy as np
import pytest
import tc


def product() -> tuple[tc.Expr, list[tc.Tensor]]:
    n = tc.size_var("n")
    A, B = tc.placeholder((n, 16), name="A"), tc.placeholder((16, 24), name="B")
    return n, [A, B, tc.op.relu(tc.op.matmul(A, B, name="P"), name="C")]


@pytest.mark.parametrize("rows", [0, 1, 3, 4, 5, 17])
def test_one_function_serves_every_size(rows: int) -> None:
    _, args = product()
    A, B, C = args
    s = tc.Schedule(C)
    yo, yi = s[C].split(s[C].axes[0], 4)
    s["P"].compute_at(s[C], yo)
    s["P"].vectorize(s["P"].split(s["P"].axes[1], 8)[1])
    s[C].parallel(yo)
    f = tc.build(s, args)
    rng = np.random.default_rng(rows)
    a = rng.integers(-3, 4, (rows, 16)).astype(np.float32)
    b = rng.integers(-3, 4, (16, 24)).astype(np.float32)
    c, d = np.full((rows, 24), -1, np.float32), np.full((rows, 24), -1, np.float32)
    f(a, b, c)
    np.testing.assert_array_equal(c, np.maximum(a @ b, 0))
    np.testing.assert_array_equal(tc.evaluate(C, {A: a, B: b}), c)
    tc.interpret(s, args, [a, b, d])
    np.testing.assert_array_equal(d, c)


def test_a_call_compares_extents() -> None:
    _, args = product()
    f = tc.build(tc.Schedule(args[2]), args)
    with pytest.raises(tc.Error) as error:
        f(np.zeros((37, 16), np.float32), np.zeros((16, 24), np.float32), np.zeros((36, 24), np.float32))
    assert error.value.code == "runtime.arg.shape"
    assert "expected n = 37" in error.value.message


def test_shapes_show_sizes() -> None:
    n, args = product()
    assert args[0].shape[1] == 16 and str(args[0].shape[0]) == "n"
    assert repr(args[0]) == "Tensor(A: f32[n, 16])"
    bound = tc.bind_sizes(args, {n: 5})
    assert [t.shape for t in bound] == [(5, 16), (16, 24), (5, 24)]


def test_loops_are_counted_for_values_of_sizes() -> None:
    n, args = product()
    s = tc.Schedule(args[2])
    s["P"].split(s["P"].axes[0], 4)
    lines = s.loops(sizes={n: 100}).splitlines()
    assert lines[0] == "# for n = 100"
    assert lines[2].startswith("for yo in (n + 3) / 4") and "77 kFLOP" in lines[2] and "A 6.2 KiB" in lines[2]
    assert s.loops().startswith("# for n = 1\n")
    assert not s.loops(costs=False).startswith("#")
    assert "Counted for n = 100." in s.html(sizes={n: 100})


@pytest.mark.parametrize("steps", [
    "", "split F i factor=4\nvectorize F ii", "cache_read Y\ncompute_at Y_r F i", "compute_inline F", "compute_at F G i", "split G j factor=4\ncompute_at F G jo",
    "fuse G i,j into=ij\nsplit G ij factor=4\nvectorize G iji\nparallel G ijo"])
def test_a_matrix_of_sizes_is_flattened_and_folded(steps: str) -> None:
    n, m = tc.size_var("n"), tc.size_var("m")
    Y = tc.placeholder((n, m), name="Y")
    F = tc.compute((n * m,), lambda i: Y[i // m, i % m] + 1, name="F")
    G = tc.compute((n, m), lambda i, j: F[i * m + j] * 2, name="G")
    s = tc.Schedule(G)
    s.apply(steps)
    f = tc.build(s, [Y, G])
    for rows, columns in [(3, 5), (1, 1), (7, 16), (0, 4), (4, 0), (8, 1)]:
        y = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
        g, h = np.full_like(y, -9), np.full_like(y, -9)
        f(y, g)
        tc.interpret(s, [Y, G], [y, h])
        np.testing.assert_array_equal(g, 2 * y + 2)
        np.testing.assert_array_equal(h, g)


def test_what_is_refused() -> None:
    n = tc.size_var("n")
    A = tc.placeholder((n,), name="A")
    for call, code in [
        (lambda: tc.size_var("n", -1), "te.size.least"),
        (lambda: tc.placeholder((n - 1,)), "te.shape.negative"),
        (lambda: tc.compute((n,), lambda i: A[i + 1]), "te.bounds"),
        (lambda: tc.workload([A, tc.op.exp(A)]), "te.shape.symbolic"),
        (lambda: tc.bind_sizes([A, tc.op.exp(A)], {tc.size_var("n"): 4}), "te.size.unknown"),
        (lambda: tc.bind_sizes([A, tc.op.exp(A)], {n: -1}), "te.shape.negative"),
        (lambda: tc.Schedule(tc.op.exp(A)).loops(sizes={tc.size_var("n"): 4}), "te.size.unknown"),
    ]:
        with pytest.raises(tc.Error) as error:
            call()
        assert error.value.code == code
    C = tc.compute((n,), lambda i: A[i] + 1, name="C")
    s = tc.Schedule(C)
    with pytest.raises(tc.Error) as error:
        s[C].vectorize(s[C].axes[0])
    assert error.value.code == "schedule.extent"


def test_a_workload_with_buckets_is_one_function() -> None:
    w = tc.workload("matmul m=1..4..16 n=24 k=16")
    assert [b.text for b in w.buckets] == [
        "matmul m=1..4 n=24 k=16 dtype=f32", "matmul m=5..16 n=24 k=16 dtype=f32"]
    assert tc.workload("relu m=2 n=3").buckets == [tc.workload("relu m=2 n=3")]
    f = tc.build(w, threads=1)
    assert f.explain().startswith("2 variants\n    m=1..4: default: ")
    rng = np.random.default_rng(1)
    b = rng.integers(-3, 4, (16, 24)).astype(np.float32)
    packed = f.pack(B=b)
    for rows in (1, 4, 5, 16, 40):
        a = rng.integers(-3, 4, (rows, 16)).astype(np.float32)
        for second in (b, packed):
            c = np.full((rows, 24), -1, np.float32)
            f(a, second, c)
            np.testing.assert_array_equal(c, a @ b)
    with pytest.raises(tc.Error) as error:
        f(np.zeros((0, 16), np.float32), b, np.zeros((0, 24), np.float32))
    assert error.value.code == "runtime.arg.shape"
    with pytest.raises(tc.Error) as error:
        tc.workload("matmul m=4..1 n=24 k=16")
    assert error.value.code == "workload.value"
    with pytest.raises(tc.Error) as error:
        tc.build("qmatmul m=1..4 n=16 k=16", target="accel:vta")
    assert error.value.code == "te.shape.symbolic"


def test_evaluate_tells_what_is_wrong_with_sizes():
    n, m = tc.size_var("n", 1), tc.size_var("m")
    X = tc.placeholder((n,), name="X")
    wide = tc.compute((n * 2 ** 62,), lambda i: X[0], name="wide")
    lost = tc.compute((m,), lambda i: X[0], name="lost")
    for outputs, code in ((wide, "te.shape.overflow"), (lost, "te.size.unbound"), (X, "te.graph.outputs")):
        with pytest.raises(tc.Error) as error:
            tc.evaluate(outputs, {X: np.zeros(4, np.float32)})
        assert error.value.code == code and error.value.fix
    with pytest.raises(tc.Error) as error:
        tc.bind_sizes([X, wide], {n: 4})
    assert error.value.code == "te.shape.overflow"
