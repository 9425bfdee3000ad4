"""Lists the codes of all errors that the sources can raise.

    list_errors.py              one code a line
    list_errors.py --check      compares them with docs/errors.md: each has a row in a table, and an example or
                                a reason to have none; exits 1 where they differ

A code is a string literal `kind.word...`; codes that are put together from
parts are found by the rules below. The examples of the page are golden texts,
which other tests compare with what tc says: test/cli, test/schedule and
python/tests/test_errors.py.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "errors.md"
KINDS = "te schedule intrinsic lower ir codegen runtime autotune log workload isa sim cli io internal python".split()
LITERAL = re.compile(r'"((?:%s)(?:\.[a-z_0-9]+)+)"' % "|".join(KINDS))

# Literals of that form that are no codes, and codes named only to be compared by their beginning.
NOT_CODES = {"te.evaluate_at", "codegen.h"}

# Codes put together: files, the pattern whose group is the last word, what stands before it.
RULES = [
    ("lib/te/ops/*.cpp", r'op_error\("(\w+)"', "te.op."),
    ("lib/te/workload*.cpp", r'\bat\([^"]*?, "(\w+)", ', "workload."),
    ("lib/te/workload*.cpp", r'\bat\([^"]*?\), "(\w+)", ', "workload."),
    ("lib/autotune/record_text.cpp", r'bad\("(\w+)"', "log."),
    ("include/tc/ir/verify.h", r"(?m)^//   ([a-z]+)  +", "ir.verify."),
    ("runtime/isa/layout.cpp", r'"isa\.\{\}\.(\w+)"', "isa.encode."),
    ("runtime/isa/layout.cpp", r'"isa\.\{\}\.(\w+)"', "isa.decode."),
    ("lib/schedule/steps_loops.cpp", r'reduce_mode_error\([^"]*"(\w+)"', "schedule.{}.reduce"),
]


def sources():
    for folder in ("include", "lib", "runtime", "tools", "python/src"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cpp", ".c"):
                yield path


def without_comments(text):
    return re.sub(r"(?m)^\s*(//|\*).*$", "", text)


def codes():
    """Each code, with the files that have it."""
    found = {}

    def add(code, path):
        if code not in NOT_CODES:
            found.setdefault(code, set()).add(str(path.relative_to(ROOT)))

    for path in sources():
        for match in LITERAL.finditer(without_comments(path.read_text())):
            add(match.group(1), path)
    for pattern, rule, prefix in RULES:
        for path in sorted(ROOT.glob(pattern)):
            for match in re.finditer(rule, path.read_text()):
                word = match.group(1)
                add(prefix.format(word) if "{}" in prefix else prefix + word, path)
    return found


def documented():
    """The codes of the page's tables."""
    return re.findall(r"(?m)^\| `([a-z_.0-9]+)` \|", PAGE.read_text())


def shown():
    """The codes of the page's examples."""
    return set(re.findall(r"(?m)^error\[([a-z_.0-9]+)\]: ", PAGE.read_text()))


def excused():
    """The codes that the page says can have no example, with a reason each."""
    section = PAGE.read_text().partition("## Without an example\n")[2]
    return set(re.findall(r"(?m)^- `([a-z_.0-9]+)`: \S", section))


def stray_goldens():
    """Golden texts that the page does not show."""
    text = PAGE.read_text()
    for path in sorted((ROOT / "test/golden/errors").glob("*.txt")):
        if f"<!-- generated: {path.relative_to(ROOT)} -->" not in text:
            yield str(path.relative_to(ROOT))


def check():
    found, page, examples, without = codes(), documented(), shown(), excused()
    problems = [f"docs/errors.md lacks {code} ({', '.join(sorted(files))})"
                for code, files in sorted(found.items()) if code not in page]
    problems += [f"docs/errors.md has {code}, which no source raises" for code in page if code not in found]
    problems += [f"docs/errors.md has {code} twice" for code in sorted(set(page)) if page.count(code) > 1]
    bare = sorted(set(found) - examples - without)
    problems += [f"{code} has no example" for code in bare]
    if bare:
        problems.append("  an example: a case of test/cli/*_errors.cpp or python/tests/test_errors.py, or a file of\n"
                        "  test/golden/schedule/errors; TC_BLESS=1 writes its text, then ./dev docs")
    problems += [f"{code} has an example, and a reason in docs/errors.md to have none"
                 for code in sorted(examples & without)]
    problems += [f"docs/errors.md excuses {code}, which no source raises" for code in sorted(without - set(found))]
    problems += [f"docs/errors.md shows {code}, which no source raises" for code in sorted(examples - set(found))]
    problems += [f"docs/errors.md does not show {path}" for path in stray_goldens()]
    print("\n".join(problems) or f"{len(found)} codes, all in docs/errors.md, {len(without)} of them without an example")
    return 1 if problems else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    print("\n".join(sorted(codes())))
