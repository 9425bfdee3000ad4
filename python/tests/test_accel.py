"""Functions for the accelerator from Python."""
import json
import re
import threading

import numpy as np
import pytest

import tc


def product(m=9, n=20, k=33):
    A = tc.placeholder((m, k), dtype="i8", name="A")
    B = tc.placeholder((k, n), dtype="i8", name="B")
    kk = tc.reduce_axis((0, k), name="k")
    C = tc.compute((m, n), lambda y, x: tc.sum(tc.cast(A[y, kk], "i32") * tc.cast(B[kk, x], "i32"), axis=kk), name="C")
    return A, B, tc.compute((m, n), lambda y, x: tc.cast(tc.max(tc.min(C[y, x] >> 5, 127), -128), "i8"), name="D")


def arrays(m=9, n=20, k=33, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-128, 128, (m, k), np.int8), rng.integers(-128, 128, (k, n), np.int8)
    return a, b, np.zeros((m, n), np.int8), np.clip((a.astype(np.int32) @ b.astype(np.int32)) >> 5, -128, 127)


def test_targets(tmp_path):
    assert tc.Target("accel").machine["block_in"] == 16
    assert str(tc.Target("accel")) == "accel:vta"
    assert tc.Target("cpu").machine is None
    file = tmp_path / "m.json"
    file.write_text('{"name": "mine", "LOG_BATCH": 1}')
    from_file = tc.Target("accel", file)
    assert from_file.machine["batch"] == 2
    assert tc.Target("accel", {"name": "mine", "LOG_BATCH": 1}) == from_file == tc.Target(f"accel:{file}")
    file.unlink()
    assert tc.Target(str(from_file)) == from_file
    for make, code in (
        (lambda: tc.Target("accel", tmp_path / "none.json"), "codegen.target.config"),
        (lambda: tc.Target("accel", {"block": 3}), "isa.config.key"),
        (lambda: tc.Target("cpu", {}), "codegen.target"),
    ):
        with pytest.raises(tc.Error) as e:
            make()
        assert e.value.code == code


def test_calls_and_profiles():
    f = tc.build(product(), target="accel", name="mm")
    a, b, d, expected = arrays()
    assert f(a, b, d) is None
    np.testing.assert_array_equal(d, expected)
    assert f.target.kind == "accel" and "program" in f.explain()
    d[:] = 0
    p = f.profile(a, b, d)
    np.testing.assert_array_equal(d, expected)
    assert p.cycles == p.counters["cycles"] > 0
    assert 0 < p.gemm_utilisation <= p.occupancy <= 1
    assert [s.device for s in p.segments] == [False, True, False]
    for unit in p.counters["units"].values():
        assert sum(unit.values()) == p.cycles
    assert len(p.timeline(50).splitlines()) == 3
    assert {e["ph"] for e in json.loads(p.chrome_trace())["traceEvents"]} == {"M", "X"}
    html = p._repr_html_()
    assert html.count("<svg") == 1 and "<script" not in html and str(p.cycles) in html
    assert str(p) == p.table() and re.match(r"Profile\(vta, \d+ cycles, 3 segments\)", repr(p))
    for seed in range(5):
        d[:] = 0
        f.profile(a, b, d, order="random", seed=seed)
        np.testing.assert_array_equal(d, expected)


def test_programs(tmp_path):
    f = tc.build(product(), target=tc.Target("accel", {"LOG_BATCH": 1}), name="mm")
    (program,) = f.programs()
    assert program.name == "mm_1" and program.machine["batch"] == 2
    assert program.stats["insns"] == sum(line.startswith("  ") for line in program.listing().split(".code")[1].splitlines())
    assert program.listing() in f.asm()
    program.save(tmp_path / "p.prog")
    f.export(tmp_path / "out" / "mm")
    assert (tmp_path / "out" / "mm.mm_1.prog").read_bytes() == (tmp_path / "p.prog").read_bytes()
    assert (tmp_path / "out" / "mm.bundle").exists() and (tmp_path / "out" / "libmm.so").exists()
    assert (tmp_path / "out" / "mm.o").exists() and not (tmp_path / "out" / "mm.h").exists()
    with pytest.raises(tc.Error) as e:
        f.export(tmp_path / "mm", header=True)
    assert e.value.code == "codegen.export.accel"
    assert "// device" in f.ir("segments")


def test_cpu_functions_have_no_cycles():
    f = tc.build(tc.Schedule(product()[2]), target="cpu")
    assert f.programs() == []
    a, b, d, expected = arrays()
    with pytest.raises(tc.Error) as e:
        f.profile(a, b, d)
    assert e.value.code == "codegen.profile"


def test_what_is_not_for_the_device_runs_on_the_cpu():
    x = tc.placeholder((4, 5), name="x")
    y = tc.op.softmax(x, axis=1)
    f = tc.build([x, y], target="accel")
    given, out = np.ones((4, 5), np.float32), np.empty((4, 5), np.float32)
    f(given, out)
    np.testing.assert_allclose(out, 0.2, rtol=1e-6)
    assert f.programs() == [] and "nothing for the accelerator" in f.explain()


def test_threads():
    f = tc.build(product(), target="accel")
    wrong = []

    def run(seed):
        a, b, d, expected = arrays(seed=seed)
        for _ in range(5):
            f(a, b, d)
            if not np.array_equal(d, expected):
                wrong.append(seed)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_wrong_orders_and_arguments():
    f = tc.build(product(), target="accel")
    a, b, d, _ = arrays()
    with pytest.raises(tc.Error) as e:
        f.profile(a, b, d, order="backwards")
    assert e.value.code == "codegen.profile"
    with pytest.raises(tc.Error) as e:
        f.profile(a, b)
    assert e.value.code == "runtime.arg.count"
    with pytest.raises(tc.Error) as e:
        f(a, b[:, :-1].copy(), d)
    assert e.value.code == "runtime.arg.shape"


def test_tuning_by_cycles(tmp_path):
    A = tc.placeholder((20, 40), dtype="i8", name="A")
    B = tc.placeholder((40, 30), dtype="i8", name="B")
    args = [A, B, tc.op.qmatmul(A, B, shift=5)]
    target, log = tc.Target("accel"), tmp_path / "log.jsonl"
    result = tc.tune(args, target=target, trials=5, log=log)
    assert result.best is not None and result.statuses == {"ok": 5}
    f = tc.build(args, target=target, log=log)
    assert f.explain().startswith("tuned: ")
    a, b, d = np.ones((20, 40), np.int8), np.ones((40, 30), np.int8), np.empty((20, 30), np.int8)
    assert f.profile(a, b, d).cycles == result.best.cost
    assert (d == 1).all()
    best = tc.Log(log).best(tc.workload(args), target=target)
    assert best is not None and best.cost == result.best.cost
    assert f"{best.cost:.0f} cycles" in repr(best) and f"best {best.cost:.0f} cycles" in repr(result)
    assert tc.Log(log).best(tc.workload(args), target="accel:vta-4x16x16") is None


def test_saved_functions_run_without_compiling(tmp_path):
    f = tc.build(product(), target="accel", name="mm")
    f.export(tmp_path / "mm")
    saved = tc.load(tmp_path / "mm.bundle")
    a, b, d, expected = arrays()
    assert saved(a, b, d) is None
    np.testing.assert_array_equal(d, expected)
    assert saved.name == "mm" and repr(saved) == f"Bundle(mm({', '.join(x.name for x in f.args)}))"
    assert [(x.name, x.dtype, x.shape, x.is_output) for x in saved.args] == [(x.name, x.dtype, x.shape, x.is_output) for x in f.args]
    for call, code in (
        (lambda: saved(a, b), "runtime.arg.count"),
        (lambda: saved(a, b, np.zeros((9, 21), np.int8)), "runtime.arg.shape"),
        (lambda: saved(a, b.astype(np.int32), d), "runtime.arg.dtype"),
        (lambda: tc.load(tmp_path / "none.bundle"), "runtime.accel.file"),
        (lambda: tc.load(tmp_path / "libmm.so"), "runtime.accel.bundle"),
    ):
        with pytest.raises(tc.Error) as e:
            call()
        assert e.value.code == code


def test_numbers_of_numpy_and_wrong_ones():
    machine = tc.Target("accel", {"batch": np.int64(2), "block_in": np.int32(8)}).machine
    assert machine is not None and machine["batch"] == 2 and machine["name"].startswith("vta-2x8x16-")
    f = tc.build(product(), target="accel")
    a, b, d, _ = arrays()
    for call, code in (
        (lambda: tc.Target("accel", {"batch": object()}), "te.number"),
        (lambda: f.profile(a, b, d, order="random", seed=-1), "te.number"),
        (lambda: f.profile(a, b, d, order="random", seed="x"), "te.number"),
        (lambda: tc.tune("qmatmul m=4 n=4 k=4", target="accel", seed=-1), "te.number"),
        (lambda: tc.Target("accel:"), "codegen.target.config"),
        (lambda: tc.op.qmatmul(*product()[:2], mul=0), "te.op.attr"),
    ):
        with pytest.raises(tc.Error) as e:
            call()
        assert e.value.code == code and e.value.fix


def test_profiles_without_times(tmp_path):
    f = tc.build(product(), target="accel")
    a, b, d, _ = arrays()
    p = f.profile(a, b, d, order="random")
    assert p.cycles == 0 and "busy" not in p.table() and "<svg" not in p.html() and "kernel_1" in p.table()
    timed = f.profile(a, b, d)
    for call, code in (
        (p.chrome_trace, "codegen.profile"),
        (p.timeline, "codegen.profile"),
        (lambda: p.save_trace(tmp_path / "t.json"), "codegen.profile"),
        (lambda: timed.timeline(0), "codegen.profile"),
        (lambda: timed.save_trace(tmp_path / "no" / "t.json"), "io.write"),
    ):
        with pytest.raises(tc.Error) as e:
            call()
        assert e.value.code == code and e.value.fix
    assert "No such file" in str(e.value)
