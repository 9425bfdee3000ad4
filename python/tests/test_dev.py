"""./dev python and ./dev tensorc run what is built, without a build where that is asked for."""
import os
import pathlib
import subprocess

import tc

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = pathlib.Path(tc.__file__).resolve().parent


def dev(*args, **env):
    return subprocess.run([str(ROOT / "dev"), *args], capture_output=True, text=True, timeout=120, env={**os.environ, "TC_NO_BUILD": "1", **env})


def test_runs_what_is_there():
    preset = PACKAGE.parents[1].name
    if PACKAGE != ROOT / "build" / preset / "python" / "tc":
        return  # an installed package: dev has nothing to say about it
    r = dev("python", "-c", "import tc; print(tc.__file__)", TC_PRESET=preset)
    assert r.returncode == 0 and pathlib.Path(r.stdout.strip()).resolve().parent == PACKAGE, r.stderr
    assert r.stderr == ""


def test_says_that_nothing_is_there():
    for command in ("python", "tensorc"):
        r = dev(command, TC_PRESET="no-such-preset")
        assert r.returncode == 1 and "there is no build/no-such-preset" in r.stderr and "TC_NO_BUILD" in r.stderr


def test_help_names_the_variable():
    assert "TC_NO_BUILD" in dev("help").stdout
