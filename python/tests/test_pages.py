"""Pages of docs: their Python runs, and prints what stands below each block. TC_BLESS=1 writes that anew."""
import contextlib
import io
import os
import pathlib
import re

import pytest

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.M | re.S)


@pytest.mark.parametrize("name", ["guide.md", "tutorial.md"])
def test_page(name):
    page = (DOCS / name).read_text()
    names: dict = {"__name__": name}
    differ = []

    def run(match):
        code, expected = match.groups()
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, name, "exec"), names)
        printed = re.sub(r"[ \n]*\n\Z", "\n", out.getvalue())
        if printed != (expected or ""):
            differ.append((code, printed, expected))
        return f"```python\n{code}```\n" + (f"```text\n{printed}```\n" if expected is not None else "")

    written = BLOCK.sub(run, page)
    assert written.count("```python\n") >= 6
    if os.environ.get("TC_BLESS"):
        (DOCS / name).write_text(written)
        return
    for code, printed, expected in differ:
        assert printed == (expected or ""), code
