"""Errors that only Python can cause: the text of each, in test/golden/errors/python.txt and docs/errors.md.

TC_BLESS=1 writes the golden file. Errors that C++ can cause as well are in test/cli.
"""
import os
import pathlib
import re

import numpy as np
import pytest
import tc

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "test/golden/errors/python.txt"

# What each case starts from; `example.py` is what the error's line is in.
SETUP = """
A = tc.placeholder((4, 8), name="A")
k = tc.reduce_axis((0, 8), name="k")
C = tc.compute((4,), lambda y: tc.sum(A[y, k], axis=k), name="C")
s = tc.Schedule(C)
f = tc.build(s, [A, C], name="rows")
a, c = np.ones((4, 8), np.float32), np.zeros(4, np.float32)
"""

# The code, and the program: its last line is refused. A third item hides what differs between machines.
CASES = [
    ("te.shape.type", 'tc.placeholder("64", name="A")'),
    ("te.number", 'tc.placeholder((4.5,), name="A")'),
    ("te.number", "s[C].split(\"y\", 1 << 70)"),
    ("te.axis.range", 'tc.reduce_axis(8, name="k")'),
    ("te.dtype", 'tc.placeholder((4,), dtype="float", name="A")'),
    ("te.tensor.index", "tc.compute((4,), lambda y: A[y, 8])"),
    ("te.tensor.index", "tc.compute((4,), lambda y: A[y, :])"),
    ("te.tensors", "tc.Schedule([C, 4])"),
    ("te.div", "tc.compute((4,), lambda y: y / 2)"),
    ("te.bool", "tc.compute((4,), lambda y: A[y, 0] if y > 1 else 0.0)"),
    ("te.expr", "tc.compute((4,), lambda y: print(y), name=\"P\")"),
    ("te.expr", "tc.compute((4,), lambda y: A + 1.0)"),
    ("te.expr", 'tc.compute((4,), lambda y: A[y, 0] + "1")'),
    ("te.reduce.axes", "tc.sum(A[0, 0], axis=8)"),
    ("te.reduce.combine",
     "tc.compute((4,), lambda y: tc.reduce_tuple(lambda a, b: a[0] + b[0], (A[y, k], k), axis=k, identity=(0.0, 0)))"),
    ("te.reduce.identity",
     "tc.compute((4,), lambda y: tc.reduce_tuple(lambda a, b: a, (A[y, k], k), axis=k, identity=(0.0,)))"),
    ("te.args.workload", 'tc.build("relu m=4 n=4", [A, C])'),
    ("schedule.axis.type", "s[C].unroll(0)"),
    ("schedule.split.number", 's[C].split("y")'),
    ("schedule.tile.count", 's[C].tile("y", 8, 4)'),
    ("workload.schedule", 's[C].parallel("y")\ntc.tune(s)'),
    ("autotune.log.use", 'tc.build(s, [A, C], log="tuned.jsonl")'),
    ("autotune.options.threads", 'tc.build("relu m=4 n=4", threads=100000)', r"1 \.\. (\d+)"),
    ("runtime.arg.type", "f([1.0, 2.0], c)"),
    ("runtime.arg.readonly", "c.flags.writeable = False\nf(a, c)"),
    ("runtime.memory", "tc.empty((1 << 44,), \"f32\")"),
    ("runtime.pack", "f.pack(B=a)"),
]


def error_of(program):
    names = {"tc": tc, "np": np}
    exec(compile(SETUP, "setup.py", "exec"), names)
    with pytest.raises(tc.Error) as e:
        exec(compile(program, "example.py", "exec"), names)
    return e.value


def block(code, program, machine=None):
    e = error_of(program)
    assert e.code == code and e.fix and e.facts["at"].startswith("example.py:"), str(e)
    text = str(e)
    if machine:
        number = re.search(machine, text)
        assert number, text
        text = text[:number.start(1)] + "..." + text[number.end(1):]
    return "".join(f"// {line}\n" for line in program.splitlines()) + text + "\n"


def test_the_texts_are_golden():
    text = "".join(f"// {line}\n" for line in SETUP.strip().splitlines()) + "// and then\n\n"
    text += "\n".join(block(*case) for case in CASES)
    if os.environ.get("TC_BLESS"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text(), "TC_BLESS=1 writes the golden file"


# Values that somebody may pass where something else is expected.
HOSTILE = [None, 3, -1, 1 << 70, 2.5, float("nan"), True, "", "x", b"x", object(), [], (), {}, [None], ["x"], (1, 2),
           (-1,), np.zeros(3), np.float32(1), lambda *a: None]

# What Python itself says of a call that does not fit the signature.
SIGNATURE = re.compile(r"incompatible (function|constructor) arguments|No constructor defined|os\.PathLike|positional|expected \d+ argument")


def refuses_cleanly(name, call, *args):
    try:
        call(*args)
    except tc.Error:
        pass
    except TypeError as e:
        assert SIGNATURE.search(str(e)), f"{name}{args!r}: {e}"
    except Exception as e:
        pytest.fail(f"{name}{args!r}: {type(e).__name__}: {e}")


def test_wrong_arguments_raise_nothing_but_errors():
    A = tc.placeholder((4, 8), name="A")
    k = tc.reduce_axis((0, 8), name="k")
    C = tc.compute((4,), lambda y: tc.sum(A[y, k], axis=k), name="C")
    values = HOSTILE + [A, C, k, A[0, 0], tc.Schedule(C)]
    functions = {n: getattr(tc, n) for n in dir(tc) if n[0] != "_" and n not in ("tune", "Error", "op")}
    functions |= {f"op.{n}": getattr(tc.op, n) for n in dir(tc.op) if n[0] != "_"}
    for name, f in functions.items():
        for v in values if callable(f) else ():
            refuses_cleanly(name, f, v)
            refuses_cleanly(name, f, A, v)
            refuses_cleanly(name, f, v, "f32")
    for make in (lambda: tc.Schedule(C), lambda: tc.Schedule(C)[C], lambda: A, lambda: A[0, 0]):
        methods = [n for n in dir(make()) if n[0] != "_" or n in ("__getitem__", "__add__", "__radd__", "__lt__", "__neg__")]
        for name in methods:
            for v in values:
                for args in ((v,), (v, 3), ("y", v)):
                    f = getattr(make(), name)
                    if callable(f) and not isinstance(f, tc.Expr):
                        refuses_cleanly(name, f, *args)


def test_a_tensor_is_no_number():
    A = tc.placeholder((4, 8), name="A")
    zero = tc.placeholder((), name="Z")
    for f in (lambda: A + 1, lambda: 1.0 - A, lambda: A * A, lambda: -A, lambda: A < 2, lambda: abs(A),
              lambda: np.float32(2) * A, lambda: A / np.ones(3), lambda: A[0, 0] + A):
        with pytest.raises(tc.Error) as e:
            f()
        assert e.value.code == "te.expr" and "A[i, ...]" in e.value.fix
    C = tc.compute((2,), lambda i: zero * 2.0 + zero, name="C")   # without dimensions it is one
    assert tc.evaluate(C, {zero: np.array(3, np.float32)}).tolist() == [9, 9]
