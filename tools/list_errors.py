"""Lists the codes of all errors that the sources can raise.

    list_errors.py              one code a line
    list_errors.py --check      compares them with the tables of docs/errors.md; exits 1 where they differ

A code is a string literal `kind.word...`; codes that are put together from
parts are found by the rules below.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "errors.md"
KINDS = "te schedule lower ir codegen runtime autotune log workload isa sim cli io internal python".split()
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


def check():
    found, page = codes(), documented()
    problems = [f"docs/errors.md lacks {code} ({', '.join(sorted(files))})"
                for code, files in sorted(found.items()) if code not in page]
    problems += [f"docs/errors.md has {code}, which no source raises" for code in page if code not in found]
    problems += [f"docs/errors.md has {code} twice" for code in sorted(set(page)) if page.count(code) > 1]
    print("\n".join(problems) or f"{len(found)} codes, all in docs/errors.md")
    return 1 if problems else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    print("\n".join(sorted(codes())))
