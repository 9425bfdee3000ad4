"""Every example runs; those that take sizes, on small ones."""
import pathlib
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
SIZES = {"matmul_steps.py": ["96"], "conv_bias_relu.py": ["12", "32"], "softmax.py": ["16", "32"], "accel_conv.py": ["7", "20"]}


@pytest.mark.parametrize("name", sorted(p.name for p in EXAMPLES.glob("*.py")))
def test_example(name):
    r = subprocess.run([sys.executable, str(EXAMPLES / name), *SIZES.get(name, [])], capture_output=True, text=True, timeout=120)
    assert r.returncode == 0, r.stderr
    assert r.stdout and not r.stderr
