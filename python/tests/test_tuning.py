"""Workloads, tune and the log."""
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tc

MATMUL = "matmul m=48 n=64 k=32 dtype=f32"


def refuse(f):
    with pytest.raises(tc.Error) as e:
        f()
    return e.value


def test_workload():
    w = tc.workload("matmul k=32 n=64 m=48")
    assert w.text == str(w) == MATMUL and w.name == "matmul" and w == tc.workload(MATMUL) and len({w, tc.workload(MATMUL)}) == 1
    assert [t.shape for t in w.args] == [(48, 32), (32, 64), (48, 64)] and w.outputs[0] == w.args[2]
    assert w.flops == 2 * 48 * 64 * 32 and w.bytes == 4 * (48 * 32 + 32 * 64 + 48 * 64) and w.constants == [1]
    assert "matmul" in tc.workload_help()
    e = refuse(lambda: tc.workload("matmull m=1"))
    assert e.code == "workload.operator" and "^" in str(e)
    assert refuse(lambda: tc.workload("matmul m=1 n=1 q=1")).code == "workload.key"


def test_a_computation_is_a_workload():
    A = tc.placeholder((16,), name="A")
    C = tc.compute((16,), lambda i: A[i] * 3.0, name="C")
    w = tc.workload(C)
    assert w.text.startswith("graph: ") and w == tc.workload([A, C]) == tc.workload(tc.Schedule(C)) == tc.workload(w.text)
    a, c = np.arange(16, dtype=np.float32), np.zeros(16, np.float32)
    tc.build(w)(a, c)
    assert (c == 3 * a).all()


def test_a_schedule_with_steps_is_no_workload():
    A = tc.placeholder((16,), name="A")
    C = tc.compute((16,), lambda i: A[i] * 3.0, name="C")
    s = tc.Schedule(C)
    s[C].vectorize(s[C].axes[0])
    for f in (tc.tune, tc.workload):
        e = refuse(lambda: f(s))
        assert e.code == "workload.schedule" and "tc.tune(C)" in e.fix


@pytest.mark.parametrize("threads", [0, -3, 1 << 20, 1 << 40])
def test_threads_that_are_not_there(threads):
    for f in (lambda: tc.tune(MATMUL, trials=1, threads=threads), lambda: tc.build(MATMUL, threads=threads)):
        e = refuse(f)
        assert e.code == "autotune.options.threads" and e.facts["got"] == str(threads)


def test_damaged_and_missing_logs_are_told(tmp_path):
    log = tmp_path / "tuned.jsonl"
    log.write_text("not a record\n{}\n")
    assert tc.build(MATMUL, log=log, threads=1).explain().endswith("; 2 damaged lines of the log are passed over")
    assert "damaged" not in tc.build(MATMUL, threads=1).explain()
    e = refuse(lambda: tc.build(MATMUL, log=tmp_path / "none.jsonl"))
    assert e.code == "log.missing" and "tc.tune(w, log=...)" in e.fix


def test_tune_log_build(tmp_path):
    log = tmp_path / "tuned.jsonl"
    w = tc.workload(MATMUL)
    seen = []
    r = tc.tune(w, target="cpu", trials=6, log=log, seed=1, threads=1, on_progress=seen.append)
    assert r.trials == r.measured == 6 and r.resumed == 0 and r.end == "trials" and r.statuses == {"ok": 6}, (r, r.first_message)
    assert r.elapsed > 0 and r.best is not None and r.best.ok and r.best.status == "ok"
    assert r.best.workload == w.text and r.best.cost == pytest.approx(np.median(r.best.run_ns)) and r.best.decisions and r.best.steps is not None
    assert r.best.check.passed and r.best.check.elements > 0 and r.best.target["threads"] == 1
    assert {p.done for p in seen} == set(range(1, 7)) and seen[-1].trials == 6 and seen[-1].best_ns < math.inf
    assert [p.last.id for p in seen if not p.finals]          # records outlive the callback

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for key in "v kind id workload target status run_ns check seed ts".split():
        assert key in lines[0]

    records = tc.Log(log)
    assert len(records) == len(records.records) == len(lines) and records.check() == []
    assert records.best(w, threads=1).id in {x["id"] for x in lines}
    assert records.best("matmul m=1 n=1 k=1") is None
    (stats,) = records.stats()
    assert stats.workload == w.text and stats.trials == 6 and stats.statuses["ok"] == 6 and stats.best_ns > 0

    again = tc.tune(w, trials=6, log=str(log), seed=1, threads=1)
    assert again.resumed == 6 and again.measured == 0

    rng = np.random.default_rng(0)
    a, b = (rng.integers(-4, 5, t.shape).astype(np.float32) for t in w.args[:2])
    for source in (log, [log], records):
        f = tc.build(w, log=source, threads=1)
        assert f.explain().startswith("tuned"), f.explain()
        c = np.zeros(w.args[2].shape, np.float32)
        f(a, b, c)
        np.testing.assert_array_equal(c, a @ b)
        f(a, f.pack(B=b), c)
        np.testing.assert_array_equal(c, a @ b)
    assert tc.build("matmul m=50 n=64 k=32", log=log, threads=1).explain().startswith("nearest")
    assert tc.build("softmax shape=8x8", log=log, threads=1).explain().startswith("default")
    assert tc.build(w).explain().startswith("default")


def test_damaged_lines_are_named(tmp_path):
    log = tmp_path / "t.jsonl"
    tc.tune(MATMUL, trials=2, log=log, threads=1)
    text = log.read_text()
    log.write_text(text + "{]\n")
    records = tc.Log(log)
    (bad,) = records.check()
    assert bad.line == len(text.splitlines()) + 1 and bad.code.startswith("log.") and str(log) in str(bad)
    assert len(records) == len(text.splitlines())
    assert refuse(lambda: tc.Log(tmp_path / "none.jsonl")).code == "log.missing"
    assert refuse(lambda: tc.build(MATMUL, log=tmp_path / "none.jsonl")).code == "log.missing"


def test_tune_takes_tensors():
    A = tc.placeholder((64, 64), name="A")
    r = tc.tune(tc.op.relu(A), trials=3, threads=1)
    assert r.best is not None, (r.statuses, r.first_message)


def test_a_callback_that_raises_ends_the_session(tmp_path):
    log = tmp_path / "t.jsonl"

    def stop(p):
        if p.done == 2:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        tc.tune(MATMUL, trials=1000, log=log, threads=1, on_progress=stop)
    assert 2 <= len(tc.Log(log)) < 100


def test_wrong_options():
    assert refuse(lambda: tc.tune(MATMUL, search="luck")).code.startswith("autotune.")
    assert refuse(lambda: tc.tune(MATMUL, worker="/no/such/worker")).code == "autotune.worker.missing"
    assert refuse(lambda: tc.tune(3)).code == "te.tensors"


def test_other_threads_run_while_tuning():
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(1)
            time.sleep(0.005)

    thread = threading.Thread(target=tick)
    thread.start()
    tc.tune(MATMUL, trials=4, threads=1)
    done.set()
    thread.join()
    assert len(ticks) > 5


def test_ctrl_c_ends_with_the_log_intact(tmp_path):
    log = tmp_path / "t.jsonl"
    program = f"""
import signal, tc
signal.signal(signal.SIGINT, signal.default_int_handler)   # a test run in the background has it ignored
try:
    tc.tune({MATMUL!r}, trials=100000, log={str(log)!r}, threads=1, on_progress=lambda p: print(p.done, flush=True))
except KeyboardInterrupt:
    print("interrupted")
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=os.environ)
    for line in child.stdout:
        if line.strip() == "3":
            break
    begin = time.perf_counter()
    child.send_signal(signal.SIGINT)
    rest, _ = child.communicate(timeout=30)
    print(f"ended {time.perf_counter() - begin:.3f} s after Ctrl-C")
    assert rest.splitlines()[-1] == "interrupted" and child.returncode == 0
    records = tc.Log(log)
    assert len(records) >= 3 and records.check() == [] and records.best(MATMUL, threads=1) is not None
