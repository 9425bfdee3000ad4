"""docs/guide.md: its Python runs, and prints what stands below it. TC_BLESS=1 writes that anew."""
import contextlib
import io
import os
import pathlib
import re

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "guide.md"
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.M | re.S)


def test_guide():
    page = GUIDE.read_text()
    names: dict = {"__name__": "guide"}
    differ = []

    def run(match):
        code, expected = match.groups()
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, "guide.py", "exec"), names)
        printed = re.sub(r"[ \n]*\n\Z", "\n", out.getvalue())
        if printed != (expected or ""):
            differ.append((code, printed, expected))
        return f"```python\n{code}```\n" + (f"```text\n{printed}```\n" if expected is not None else "")

    written = BLOCK.sub(run, page)
    assert written.count("```python\n") > 10
    if os.environ.get("TC_BLESS"):
        GUIDE.write_text(written)
        return
    for code, printed, expected in differ:
        assert printed == (expected or ""), code
