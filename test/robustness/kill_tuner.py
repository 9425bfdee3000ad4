#!/usr/bin/env python3
"""Kills `tensorc tune` with SIGKILL at random moments and looks at what is left.

After every kill: the log loads, every record of an earlier check is still there,
no trial stands twice, no worker is alive. Usage:

    kill_tuner.py TENSORC [--kills N] [--seed S]
"""
import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time


def workers(mark):
    """Processes whose environment carries `mark`."""
    alive = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                if mark.encode() in f.read() and int(pid) != os.getpid():
                    with open(f"/proc/{pid}/stat") as stat:
                        if stat.read().rsplit(")", 1)[1].split()[0] != "Z":
                            alive.append(int(pid))
        except OSError:
            pass
    return alive


def records(path):
    """Whole records of the log and the number of lines that are none."""
    out, bad = [], 0
    if not os.path.exists(path):
        return out, bad
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            try:
                out.append(json.loads(line))
            except ValueError:
                bad += 1
    return out, bad


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("tensorc")
    p.add_argument("--kills", type=int, default=10)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    rng = random.Random(a.seed)
    workload = "matmul m=96 n=96 k=96"
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "tuned.jsonl")
        mark = "TC_KILL_TEST=%d" % os.getpid()
        env = dict(os.environ, TC_KILL_TEST=str(os.getpid()))
        seen = []
        for i in range(a.kills):
            # every round asks for more trials than the log has, so that work goes on
            command = [a.tensorc, "tune", workload, "--trials", "100000", "--seed", str(i), "--log", log]
            child = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(rng.uniform(0.02, 1.2))
            child.send_signal(signal.SIGKILL)
            child.wait()
            end = time.time() + 3
            while workers(mark) and time.time() < end:
                time.sleep(0.02)
            if workers(mark):
                failures.append(f"kill {i}: workers are left: {workers(mark)}")
            now, _ = records(log)
            ids = [r["id"] for r in now]
            points = [json.dumps(r["decisions"], sort_keys=True) for r in now if r["kind"] == "trial"]
            if ids[: len(seen)] != seen:
                failures.append(f"kill {i}: records that were there are gone")
            if len(set(ids)) != len(ids):
                failures.append(f"kill {i}: a record stands twice")
            if len(set(points)) != len(points):
                failures.append(f"kill {i}: a trial stands twice")
            if now and subprocess.run([a.tensorc, "log", "best", log], stdout=subprocess.DEVNULL, env=env).returncode != 0:
                failures.append(f"kill {i}: the log does not load")
            seen = ids
        final = subprocess.run([a.tensorc, "tune", workload, "--trials", str(len(seen) + 2), "--log", log], env=env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if final.returncode != 0:
            failures.append("the session after the kills failed: " + final.stderr[-500:])
    for f in failures:
        print("FAILED", f)
    print(f"{a.kills} kills, {len(seen)} records, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
